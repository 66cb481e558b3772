"""Functions in threads of their own."""

import threading


def at_once(*functions):
    """Call functions in threads of their own; raise what one of them raises."""
    errors = []

    def call(f):
        try:
            f()
        except BaseException as error:  # noqa: BLE001  (it is raised again, a failed assertion too)
            errors.append(error)

    threads = [threading.Thread(target=call, args=(f,)) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
