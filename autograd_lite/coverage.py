"""``python -m autograd_lite.coverage`` lists what becomes of every function of NumPy."""

from autograd_lite.numpy_api.coverage import main

if __name__ == "__main__":
    main()
