# pyright: basic, reportOptionalSubscript=false, reportAssignmentType=false
"""A second implementation of the arithmetic, in NumPy, written from docs/arithmetic.md and with its names.

It shares no line with the reference, needs no torch, and so runs where torch does not.
"""

import hashlib
import math

import numpy as np

f32 = np.float32
f64 = np.float64
rnd = np.rint


# random words
def key(*parts):
    d = hashlib.sha256(" ".join(map(str, parts)).encode()).digest()
    return int.from_bytes(d[:4], "big"), int.from_bytes(d[4:8], "big")


M = np.uint64(0xFFFFFFFF)


def u64(x):
    return np.asarray(x).astype(np.uint64) & M


def word(k, place):
    k0, k1 = u64(k[0]), u64(k[1])
    x = (u64(place) * np.uint64(0x9E3779B1) + k0) & M
    x = x ^ (x >> np.uint64(16))
    x = (x * np.uint64(0x7FEB352D)) & M
    x = x ^ (x >> np.uint64(15)) ^ k1
    x = (x * np.uint64(0x846CA68B)) & M
    return (x ^ (x >> np.uint64(16))).astype(np.int64)


def subkey(k, i):
    i = np.asarray(i)
    return word(k, 2 * i), word(k, 2 * i + 1)


# functions
def horner(x, cs):
    r = np.full_like(x, cs[-1])
    for c in cs[-2::-1]:
        r = r * x + c
    return r


def exp(x):
    k = rnd(x * 1.4426950408889634)
    r = (x - k * 0.6931471803691238) - k * 1.9082149292705877e-10
    return horner(r, [1 / math.factorial(n) for n in range(14)]) * np.ldexp(1.0, k.astype(int))


def log(x):
    m, e = np.frexp(x)
    low = m < 0.7071067811865476
    m = np.where(low, 2 * m, m)
    e = np.where(low, e - 1, e).astype(f64)
    s = (m - 1) / (m + 1)
    return e * 0.6931471803691238 + (
        2 * s * horner(s * s, [1 / (2 * n + 1) for n in range(12)]) + e * 1.9082149292705877e-10
    )


def sincos(x):
    x = np.asarray(x, f64)
    k = rnd(x * (1 / 90))
    r = (x - k * 90) * 0.017453292519943295
    S = r * horner(r * r, [(-1) ** n / math.factorial(2 * n + 1) for n in range(9)])
    C = horner(r * r, [(-1) ** n / math.factorial(2 * n) for n in range(10)])
    q = k.astype(int) % 4
    return np.choose(q, [S, C, -S, -C]), np.choose(q, [C, -S, -C, S])


# integers
def E(m, smallest=-60):
    return np.where(m == 0, smallest, np.where(m < np.inf, np.clip(np.frexp(m)[1], smallest, 60), 60))


def unit(b, e):
    return np.ldexp(1.0, e - b + 1)


def Q(x, b, e):
    lim = 2.0 ** (b - 1) - 1
    return np.clip(rnd(np.asarray(x, f64) / unit(b, e)), -lim, lim)


def total(s, u):
    grid = u.max(0) / 16
    return rnd(s * (u / grid)).sum(0) * grid


def qweight(w, axes):
    e = E(np.abs(w).max(axes, keepdims=True), -40)
    return Q(w, 12, e), unit(12, e)


def im(x):
    return x.reshape(-1, 1, 1, 1)


def store(x):
    e = E(np.abs(x).max((2, 3), keepdims=True))
    return Q(x, 16, e), unit(16, e)


def correlate(x, w, P):  # x [N,C,H,W], w [O,C,K,K]
    K = w.shape[2]
    N, C, H, W = x.shape
    p = np.zeros((N, C, H + 2 * max(P, 0), W + 2 * max(P, 0)))
    a = max(P, 0)
    p[:, :, a : a + H, a : a + W] = x
    if P < 0:
        p = p[:, :, -P:P, -P:P]
    Ho, Wo = p.shape[2] - K + 1, p.shape[3] - K + 1
    s = np.zeros((N, w.shape[0], Ho, Wo))
    for k in range(K):
        for l in range(K):
            s += np.einsum("oc,ncyx->noyx", w[:, :, k, l], p[:, :, k : k + Ho, l : l + Wo])
    return s


def conv(cell, x, m):
    qx = Q(x, 14, im(E(m)))
    ux = unit(14, im(E(m)))
    qw, uw = qweight(cell["w"], (1, 2, 3))
    s = correlate(qx, qw, cell["P"])
    u = s.astype(f32) * (ux * uw.reshape(1, -1, 1, 1)).astype(f32)
    if cell.get("b") is not None:
        u = u + cell["b"].reshape(1, -1, 1, 1)
    if cell.get("relu1"):
        u = np.maximum(u, f32(0))
    return qx, ux, u


def windows(y):
    _N, _C, H, W = y.shape
    y = y[:, :, : H // 2 * 2, : W // 2 * 2]
    return np.stack([y[:, :, 0::2, 0::2], y[:, :, 0::2, 1::2], y[:, :, 1::2, 0::2], y[:, :, 1::2, 1::2]], -1)


ch = lambda a: np.asarray(a).reshape(1, -1, 1, 1)


def chain(cell, q, U, stats, dropped, factor):
    v = (q * U).astype(f32)
    y = v
    if cell.get("gamma") is not None:
        mean, var = stats
        inverse = 1 / np.sqrt(var + 1e-5)
        scale = cell["gamma"].astype(f64) * inverse
        shift = cell["beta"].astype(f64) - mean * scale
        y = v * ch((scale * factor).astype(f32)) + ch((shift * factor).astype(f32))
    else:
        y = v * f32(factor)
    if cell.get("relu2"):
        y = np.maximum(y, f32(0))
    m = np.abs(y).max((1, 2, 3))
    if dropped is not None:
        y = np.where(dropped, f32(0), y)
    out = windows(y).max(-1) if cell.get("pool") else y
    return v, y, m, out


def head_fwd(net, x):
    q, U = store(x)
    avg = (q.sum((2, 3)) * U[:, :, 0, 0] / (x.shape[2] * x.shape[3])).astype(f32)
    if net.get("hw") is None:
        return avg, None, None, avg + f32(0)
    e = E(np.abs(avg).max(1, keepdims=True))
    qa, ua = Q(avg, 14, e), unit(14, e)
    qw, uw = qweight(net["hw"], (1,))
    return avg, qa, ua, (qa @ qw.T).astype(f32) * (ua * uw.T).astype(f32) + net["hb"] + f32(0)


def score(net, x, m):
    for c in net["cells"]:
        _, _, u = conv(c, x, m)
        q, U = store(u)
        st = (c["rm"].astype(f64), c["rv"].astype(f64)) if c.get("gamma") is not None else None
        _, _, m, x = chain(c, q, U, st, None, 1.0)
    return head_fwd(net, x)[3]


def loss_slope(logit, labels, r):
    z = logit.astype(f64)
    K = z.shape[1]
    below = np.maximum(z - z.max(1, keepdims=True), -700.0)
    power = rnd(exp(below) * 2.0**40)
    tot = power.sum(1, keepdims=True)
    share = power / tot
    ls = below - (log(tot) - log(np.full_like(tot, 2.0**40)))
    own = -ls[np.arange(len(z)), labels]
    one = np.eye(K)[labels]
    if r == 0:
        return rnd(own * 2.0**32).astype(np.int64), share - one
    others = -(rnd(ls * 2.0**32).sum(1)) / K
    return rnd(own * 2.0**32 * (1 - r) + others * r).astype(np.int64), share - (one * (1 - r) + r / K)


def step(net, x, m, labels, numbers, seed, epoch, r):
    """Give losses, gradients by id of array name; moves running statistics."""
    saved, N = [], len(x)
    for n, c in enumerate(net["cells"]):
        qx, ux, u = conv(c, x, m)
        q, U = store(u)
        t = rnd(q / 4)
        st = None
        count = f64(N * u.shape[2] * u.shape[3])
        if c.get("gamma") is not None:
            U2 = U[:, :, 0, 0]
            mean = total(q.sum((2, 3)), U2) / count
            square = total((t * t).sum((2, 3)), (4 * U2) * (4 * U2)) / count
            var = np.maximum(square - mean * mean, 0)
            st = mean, var
            unb = var * (count / (count - 1))
            for name, new in (("rm", mean), ("rv", unb)):
                moved = (c[name].astype(f64) * 0.9 + new * 0.1).astype(f32)
                c[name] = np.where(np.abs(moved) < f32(2.0**-100), f32(0), moved)
        dropped, factor = None, 1.0
        if c.get("dropout", 0) > 0:
            d = min(round(c["dropout"] * 65536), 65535)
            factor = 65536 / (65536 - d)
            p = np.arange(u[0].size)
            k = subkey(key("dropout", seed, epoch, n), numbers)
            w = word((k[0].reshape(-1, 1), k[1].reshape(-1, 1)), (p >> 1).reshape(1, -1))
            half = np.where(p % 2 == 0, w & 0xFFFF, w >> 16)
            dropped = (half < d).reshape(u.shape)
        v, y, m, x = chain(c, q, U, st, dropped, factor)
        saved.append((c, qx, ux, q, U, t, st, count, dropped, factor, v, y))
    _avg, qa, ua, logit = head_fwd(net, x)
    losses, slope = loss_slope(logit, labels, r)
    grads = {}
    e = E(np.abs(slope).max(1, keepdims=True))
    qs, us = Q(slope, 16, e), unit(16, e)
    if net.get("hw") is None:
        g = (qs * us).astype(f32)
    else:
        grads["hw"] = total(qs[:, :, None] * qa[:, None, :], (us * ua)[:, :, None])
        grads["hb"] = total(qs, us)
        qb, ub = qweight(net["hw"], (0,))
        g = (qs @ qb).astype(f32) * (us * ub).astype(f32)
    g = (g.astype(f64) / (x.shape[2] * x.shape[3])).astype(f32)[:, :, None, None]
    h, V = store(np.broadcast_to(g, x.shape))
    for n in reversed(range(len(saved))):
        c, qx, ux, q, U, t, st, count, dropped, factor, v, y = saved[n]
        top = (np.abs(h).max((2, 3), keepdims=True) * V).astype(f32)
        if c.get("pool"):
            first = windows(y).argmax(-1)
            full = np.zeros(y.shape)
            H, W = h.shape[2:]
            for i in range(4):
                full[:, :, i // 2 : 2 * H : 2, i % 2 : 2 * W : 2] = np.where(first == i, h, 0)
            h = full
        if dropped is not None:
            h = np.where(dropped, 0, h)
        if c.get("relu2"):
            h = np.where(y > 0, h, 0)
        if st is not None:
            mean, var = st
            inverse = 1 / np.sqrt(var + 1e-5)
            scale = c["gamma"].astype(f64) * inverse
            j = rnd(h / 4)
            fi = total(h.sum((2, 3)), V[:, :, 0, 0]) * factor
            se = total((j * t).sum((2, 3)), (V * U * 16)[:, :, 0, 0]) * factor
            gg = (se - mean * fi) * inverse
            grads[n, "gamma"], grads[n, "beta"] = gg, fi
            B = -(scale * inverse * gg) / count
            Cc = -(scale * fi) / count - B * mean
            a, b, cc = ch((scale * factor).astype(f32)), ch(B.astype(f32)), ch(Cc.astype(f32))
            z = (h * V).astype(f32) * a + (v * b + cc)
            mx, mn = v.max((2, 3), keepdims=True), v.min((2, 3), keepdims=True)
            bound = top * np.abs(a) + np.maximum(np.abs(mx * b + cc), np.abs(mn * b + cc))
        else:
            z = (h * V).astype(f32) * f32(factor)
            bound = top * f32(factor)
        if c.get("relu1"):
            z = np.where(q > 0, z, f32(0))
        assert z.dtype == f32
        assert bound.dtype == f32
        assert (np.abs(z) <= bound).all()
        e = im(E(bound.max((1, 2, 3))))
        qz, uz = Q(z, 12, e), unit(12, e)
        P, K = c["P"], c["w"].shape[2]
        xp = np.pad(qx, ((0, 0), (0, 0), (P, P), (P, P)))
        Ho, Wo = qz.shape[2:]
        s = np.zeros((N, *c["w"].shape))
        for k in range(K):
            for l in range(K):
                s[:, :, :, k, l] = np.einsum("noyx,ncyx->noc", qz, xp[:, :, k : k + Ho, l : l + Wo])
        wg = total(s, (ux * uz).reshape(-1, 1, 1, 1, 1))
        owner = c.get("shared", n)
        grads[owner, "w"] = grads[owner, "w"] + wg if (owner, "w") in grads else wg
        if c.get("b") is not None:
            bg = total(qz.sum((2, 3)), uz.reshape(-1, 1))
            grads[owner, "b"] = grads[owner, "b"] + bg if (owner, "b") in grads else bg
        if n:
            qb, ub = qweight(c["w"], (0, 2, 3))
            turned = qb[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
            s = correlate(qz, turned, K - 1 - P)
            h, V = store(s.astype(f32) * (uz * ub.reshape(1, -1, 1, 1)).astype(f32))
    return losses, logit, grads


def sgd(p, v, grad, N, rate, momentum, decay, nesterov):
    rate, momentum, dec = f32(rate), f32(momentum), f32(decay)
    g = (grad / f64(N)).astype(f32)
    if p.ndim > 1 and decay > 0:
        g = g + dec * p
    v = momentum * v + g
    v = np.where(np.abs(v) < f32(2.0**-100), f32(0), v)
    d = momentum * v + g if nesterov else v
    return (p - rate * d) + f32(0), v


def initial(seed, name, shape, n):
    w = word(key("weights", seed, name), np.arange(int(np.prod(shape))))
    return ((2 * (w >> 8) + 1 - 2**24) * 2.0**-24 / np.sqrt(f64(n))).astype(f32).reshape(shape)


def order(n, seed, epoch):
    return np.argsort(word(key("order", seed, epoch), np.arange(n)), kind="stable")


# images
def half_up(x, n):
    return (x + (1 << (n - 1))) >> n


def fixed(x, n):
    return rnd(np.asarray(x, f64) * 2.0**n).astype(np.int64).reshape(-1, 1, 1)


def clamp(p):
    return np.clip(p, 0, 32640)


NEUTRAL = {
    "rotation": 0.0,
    "shear_x": 0.0,
    "shear_y": 0.0,
    "translation_x": 0.0,
    "translation_y": 0.0,
    "scale": 1.0,
    "blur": 0.0,
    "brightness": 1.0,
    "contrast": 1.0,
    "noise": 0.0,
}


def augment(img, numbers, ranges, seed, epoch):
    p = img.astype(np.int64) * 128
    N, H, W = p.shape
    rg = lambda name: ranges.get(name, (NEUTRAL[name],) * 2)
    varies = lambda *names: any(tuple(rg(n)) != (NEUTRAL[n],) * 2 for n in names)

    def draw(name):
        lo, hi = rg(name)
        return lo + (hi - lo) * (word(key("augmentation", seed, epoch, name), numbers) * 2.0**-32)

    if varies("rotation", "shear_x", "shear_y", "translation_x", "translation_y", "scale"):
        rot, shx, shy, tx, ty, sc = map(
            draw, ("rotation", "shear_x", "shear_y", "translation_x", "translation_y", "scale")
        )
        st, ct = sincos(rot - shy)
        sx, cx = sincos(shx)
        _, cy = sincos(shy)
        sr, cr = sincos(rot)
        tan = sx / cx
        A = ct / cy
        B = -(ct * tan) / cy - sr
        C = st / cy
        D = -(st * tan) / cy + cr
        a, b, c, d = D / sc, -B / sc, -C / sc, A / sc
        across, down = tx * W, ty * H
        left = (W - 1) / 2 - (a * across + b * down)
        top = (H - 1) / 2 - (c * across + d * down)
        x = (2 * np.arange(W) + 1 - W).reshape(1, 1, -1)
        y = (2 * np.arange(H) + 1 - H).reshape(1, -1, 1)
        col = half_up(fixed(a, 15) * x + fixed(b, 15) * y + fixed(left, 16), 8)
        row = half_up(fixed(c, 15) * x + fixed(d, 15) * y + fixed(top, 16), 8)
        i0, f, j0, g = col >> 8, col & 255, row >> 8, row & 255

        def at(j, i):
            ok = (j >= 0) & (j < H) & (i >= 0) & (i < W)
            return np.where(ok, p[np.arange(N).reshape(-1, 1, 1), np.clip(j, 0, H - 1), np.clip(i, 0, W - 1)], 0)

        up = at(j0, i0) * (256 - f) + at(j0, i0 + 1) * f
        lo = at(j0 + 1, i0) * (256 - f) + at(j0 + 1, i0 + 1) * f
        p = half_up(up * (256 - g) + lo * g, 16)
    if varies("blur"):
        bl = draw("blur")
        w = np.minimum(fixed(bl * bl / 2, 8), 128)
        z = np.pad(p, ((0, 0), (0, 0), (1, 1)))
        p = half_up(p * (256 - 2 * w) + (z[:, :, :-2] + z[:, :, 2:]) * w, 8)
        z = np.pad(p, ((0, 0), (1, 1), (0, 0)))
        p = half_up(p * (256 - 2 * w) + (z[:, :-2] + z[:, 2:]) * w, 8)
    if varies("brightness"):
        p = clamp(half_up(p * fixed(draw("brightness"), 12), 12))
    if varies("contrast"):
        F = fixed(draw("contrast"), 12)
        av = (2 * p.sum((1, 2), keepdims=True) + H * W) // (2 * H * W)
        p = clamp(half_up(p * F + av * (4096 - F), 12))
    if varies("noise"):
        s = fixed(draw("noise") * (32640 / 147.80054127099805), 8)
        k = subkey(key("noise", seed, epoch), numbers)
        w = word((k[0].reshape(-1, 1), k[1].reshape(-1, 1)), np.arange(H * W).reshape(1, -1))
        t = ((w & 255) + (w >> 8 & 255) + (w >> 16 & 255) + (w >> 24)).reshape(N, H, W)
        p = clamp(p + half_up((t - 510) * s, 8))
    return p


def normalised(p, mean, sd):
    a, b = f32(1 / (32640 * sd)), f32(-mean / sd)
    m = max(abs(f32(0) * a + b), abs(f32(32640) * a + b))
    return (p.astype(f32) * a + b)[:, None], np.full(len(p), m, f32)


def between(start, end, share):
    return end + (start - end) / 2 * (1 + float(sincos(180 * share)[1]))


def one_cycle(step, S, lr, pct_start, div_factor, final_div_factor):
    first, rise = lr / div_factor, pct_start * S - 1
    if step <= rise and rise > 0:
        return between(first, lr, step / rise)
    return between(lr, first / final_div_factor, (step - rise) / (S - 1 - rise))
