"""Pictures of a training: gradient sizes, the loss around a point, weights as images."""
