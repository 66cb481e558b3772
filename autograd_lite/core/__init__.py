"""The idea in one sitting: operations, the Tensor, the backward pass."""
