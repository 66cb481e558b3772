"""The gradients of the character model, line by line, as a learner writes them."""

LINES = """
dlogprobs = np.zeros_like(logprobs); dlogprobs[np.arange(n), Yb] = -1.0 / n
dprobs = dlogprobs / probs
dcounts_sum_inv = (counts * dprobs).sum(axis=1, keepdims=True)
dcounts_sum = -counts_sum**-2 * dcounts_sum_inv
dcounts = counts_sum_inv * dprobs + np.ones_like(counts) * dcounts_sum
dnorm_logits = counts * dcounts
dlogit_maxes = -dnorm_logits.sum(axis=1, keepdims=True)
dlogits = dnorm_logits + np.eye(27)[logits.argmax(axis=1)] * dlogit_maxes
dh = dlogits @ W2.T
dW2 = h.T @ dlogits
db2 = dlogits.sum(axis=0)
dhpreact = (1 - h**2) * dh
dbngain = (bnraw * dhpreact).sum(axis=0, keepdims=True)
dbnraw = bngain * dhpreact
dbnbias = dhpreact.sum(axis=0, keepdims=True)
dbnvar_inv = (bndiff * dbnraw).sum(axis=0, keepdims=True)
dbnvar = -0.5 * (bnvar + 1e-5) ** -1.5 * dbnvar_inv
dbndiff2 = (1 / (n - 1)) * np.ones_like(bndiff2) * dbnvar
dbndiff = bnvar_inv * dbnraw + 2 * bndiff * dbndiff2
dbnmeani = -dbndiff.sum(axis=0, keepdims=True)
dhprebn = dbndiff + (1 / n) * dbnmeani * np.ones_like(dbndiff)
dembcat = dhprebn @ W1.T
dW1 = embcat.T @ dhprebn
db1 = dhprebn.sum(axis=0)
demb = dembcat.reshape(emb.shape)
dC = np.zeros_like(C); np.add.at(dC, Xb, demb)
"""
