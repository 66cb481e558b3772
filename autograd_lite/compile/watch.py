"""What machine code looks at in Python's objects, by the C interface; `native` runs it.

A table says what must be: words at addresses, entries of dicts and lists, sizes, bytes. This file
is not imported: it is written in the language of `words`, to which WORD, the kinds of what must be,
and where things lie in objects are numbers, and the names of C are C's.
"""

# ruff: noqa: F821
# mypy: ignore-errors


def laid_out(x: int, n: int, i: int) -> int:
    """Return whether an array of n axes has these: ND, DESCR, what lies at the other two."""
    if load(x + ND) != load(i) or load(x + DESCR) != load(i + WORD):
        return False
    shape, strides = load(x + DIMENSIONS), load(x + STRIDES)
    for _ in range(n):
        i += 2 * WORD
        if load(shape) != load(i) or load(strides) != load(i + WORD):
            return False
        shape += WORD
        strides += WORD
    return True


def holds(i: int) -> int:
    """Return whether all is as a table says, which begins with its end; scratch lies after it."""
    end = load(i)
    i += WORD
    while i < end:
        kind, x, n = load(i), load(i + WORD), load(i + 2 * WORD)
        i += 3 * WORD
        if kind == IS:
            if load(x) != n:
                return False
        elif kind == DICT:
            if load(x + LENGTH) != n:
                return False
            store(end, 0)
            for _ in range(n):
                if PyDict_Next(x, end, end + WORD, end + 2 * WORD) == 0:
                    return False
                if load(end + WORD) != load(i):
                    return False
                if load(i + WORD) != 0 and load(i + WORD) != load(end + 2 * WORD):
                    return False
                i += 2 * WORD
        elif kind == LIST:
            if load(x + LENGTH) != n:
                return False
            x = load(x + ITEMS)
            for _ in range(n):
                if load(i) != 0 and load(i) != load(x):
                    return False
                i += WORD
                x += WORD
        elif kind == SIZE:
            if PyObject_Size(x) != n:
                PyErr_Clear()
                return False
        elif kind == ITEM:
            found = PyObject_GetItem(x, n)
            if found == 0:
                PyErr_Clear()
                return False
            Py_DecRef(found)
            if found != load(i):
                return False
            i += WORD
        elif kind == ENTRY:
            if PyDict_GetItemWithError(x, n) != load(i):
                PyErr_Clear()
                return False
            i += WORD
        elif kind == ARRAY:
            if load(x + DATA) != load(i) or not laid_out(x, n, i + WORD):
                return False
            i += WORD * (3 + 2 * n)
        elif kind == VARS:
            found = PyObject_GenericGetDict(x, 0)
            if found == 0:
                PyErr_Clear()
                return False
            Py_DecRef(found)
            if found != n:
                return False
        else:
            if memcmp(x, n, load(i)) != 0:
                return False
            i += WORD
    return True


def gathered(i: int, end: int) -> int:
    """Put arguments where machine code reads them; return whether all are as they must be."""
    while i < end:
        to, x, key, mine, like, n = (
            load(i), load(i + WORD), load(i + 2 * WORD), load(i + 3 * WORD), load(i + 4 * WORD),
            load(i + 5 * WORD),
        )  # fmt: skip
        if key == 0:
            x = load(x)
        else:
            x = PyDict_GetItemWithError(x, key)
        if x == 0:
            PyErr_Clear()
            return False
        if mine == 0:
            if load(x + TYPE) != like:
                return False
        elif x != load(mine) or load(x) != 2 or not laid_out(x, n, like):
            return False
        store(to, x)
        i += 6 * WORD
    return True


def drive(me: int, _: int) -> int:
    """Do a bound step: collect its arguments, run its machine code, and put away what it gives.

    Its table has the address of what must hold, what does the step in Python, where the places to
    read begin and end, machine code with its table, its arguments and how many they are, below 0,
    and where the places to write begin and end.
    """
    t = PyByteArray_AsString(me)
    if not holds(load(t)) or not gathered(load(t + 2 * WORD), load(t + 3 * WORD)):
        return PyObject_CallNoArgs(load(t + WORD))
    at, count = load(t + 6 * WORD), load(t + 7 * WORD)
    found = run(load(t + 4 * WORD), load(t + 5 * WORD), at, count)
    at -= count * WORD
    i, end = load(t + 8 * WORD), load(t + 9 * WORD)
    if found == 0:
        return 0
    while i < end:
        at += WORD
        new, x, key = load(at), load(i), load(i + WORD)
        if key == 0:
            old = load(x)
            store(x, new)
            new = old
        elif PyDict_SetItem(x, key, new) != 0:
            return 0
        Py_DecRef(new)
        i += 2 * WORD
    return found


def same(me: int, _: int) -> int:
    """Answer, as a built-in function, with one of the two objects that a table begins with."""
    t = PyByteArray_AsString(me)
    answer = load(t + WORD * (1 + holds(load(t))))
    Py_IncRef(answer)
    return answer
