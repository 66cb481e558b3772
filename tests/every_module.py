"""One of every layer and loss, and what it is given."""

import numpy as np

from autograd_lite import nn

RNG = np.random.default_rng(5)
X = RNG.normal(size=(4, 3))
T = RNG.uniform(0.1, 0.9, (4, 3))
SIGNS = np.where(X * T > 0.1, -1, 1)
LABELS = np.array([2, 0, 1, 1])
IMAGES = RNG.normal(size=(2, 2, 3, 3))

LOSSES = {
    "MSE": (nn.MSE(), X, T),
    "MSELoss": (nn.MSELoss(), X, T),
    "L1Loss": (nn.L1Loss(), X, T),
    "SmoothL1Loss": (nn.SmoothL1Loss(beta=0.5), X, T),
    "HuberLoss": (nn.HuberLoss(delta=0.5), X, T),
    "BCELoss": (nn.BCELoss(), T, T[::-1]),
    "BCEWithLogitsLoss": (nn.BCEWithLogitsLoss(), X, T),
    "HingeLoss": (nn.HingeLoss(), X, SIGNS),
    "HingeEmbeddingLoss": (nn.HingeEmbeddingLoss(), X, SIGNS),
    "KLDivLoss": (nn.KLDivLoss("batchmean"), np.log(T), T[::-1]),
    "NLLLoss": (nn.NLLLoss(), np.log(T), LABELS),
    "CrossEntropyLoss": (nn.CrossEntropyLoss(label_smoothing=0.1), X, LABELS),
}
LAYERS: dict = {
    "Linear": (nn.Linear(3, 2, rng=RNG), X),
    "Sigmoid": (nn.Sigmoid(), X),
    "Tanh": (nn.Tanh(), X),
    "ReLU": (nn.ReLU(), X),
    "LeakyReLU": (nn.LeakyReLU(), X),
    "ELU": (nn.ELU(), X),
    "GELU": (nn.GELU(), X),
    "SiLU": (nn.SiLU(), X),
    "Softplus": (nn.Softplus(), X),
    "Softmax": (nn.Softmax(), X),
    "LogSoftmax": (nn.LogSoftmax(), X),
    "Dropout": (nn.Dropout(rng=RNG), X),
    "Flatten": (nn.Flatten(0), X),
    "Embedding": (nn.Embedding(3, 2, rng=RNG), LABELS),
    "LayerNorm": (nn.LayerNorm(3), X),
    "BatchNorm1d": (nn.BatchNorm1d(3), X),
    "BatchNorm2d": (nn.BatchNorm2d(2), IMAGES),
    "Conv1d": (nn.Conv1d(2, 2, 2, rng=RNG), IMAGES[:, :, 0]),
    "Conv2d": (nn.Conv2d(2, 2, 2, padding=1, stride=2, rng=RNG), IMAGES),
    "MaxPool2d": (nn.MaxPool2d(2, 1), IMAGES),
    "AvgPool2d": (nn.AvgPool2d(2, 1, 1), IMAGES),
    "RNN": (nn.RNN(3, 2, rng=RNG), IMAGES[0]),
    "GRU": (nn.GRU(3, 2, rng=RNG), IMAGES[0]),
    "LSTM": (nn.LSTM(3, 2, rng=RNG), IMAGES[0]),
    "MultiheadAttention": (nn.MultiheadAttention(4, 2, rng=RNG), X.reshape(3, 1, 4)),
    "Sequential": (nn.Sequential(nn.Linear(3, 2, rng=RNG), nn.Tanh()), X),
}


class First(nn.Module):
    """What a layer returns first; attention looks from the input to itself."""

    def __init__(self, inside):
        self.inside = inside

    def forward(self, x):
        attends = isinstance(self.inside, nn.MultiheadAttention)
        y = self.inside(x, x, x) if attends else self.inside(x)
        return y[0] if isinstance(y, tuple) else y
