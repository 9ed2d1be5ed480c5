"""Programs that go with a raw export: Table 1 again from scores.csv, in Python (numpy, scipy) and in plain R."""

from evaluation.reports.plan import read_plan
from evaluation.reports.study.data import StudyData

# What of Table 1 the snippets give again, and what of their output is computed otherwise.
SNIPPETS: dict[str, str] = {
    "file table1.py": (
        "means and intervals are those of Table 1, differences and their intervals those of the study report (but for "
        "arms that several people wrote, whose authors are random there): two-way random ANOVA of raters and patients, "
        "Satterthwaite's t, intervals of means cut off at the ends of the scale; where a cell is empty or patients "
        "have different numbers of questions, the moments of raters and patients over the cells present. Arms "
        "stand in the order of their names, and so do those of a difference. Needs numpy and scipy"
    ),
    "file table1.R": "the same in R without any package",
}

_PYTHON_HEAD = '''"""Table 1 from scores.csv: means with intervals, then differences of arms (see codebook.csv)."""
import csv
from itertools import combinations

import numpy as np
from scipy import stats

'''

_PYTHON = '''

def squares(y):
    """Mean squares with degrees of freedom of raters x clusters x arms: raters, clusters, both by arm, the rest."""
    R, Q, S = y.shape
    g, r, q, s, rs, qs = y.mean(), y.mean((1, 2)), y.mean((0, 2)), y.mean((0, 1)), y.mean(1), y.mean(0)
    sums = [Q * S * ((r - g) ** 2).sum(), R * S * ((q - g) ** 2).sum(),
            Q * ((rs - r[:, None] - s + g) ** 2).sum(), R * ((qs - q[:, None] - s + g) ** 2).sum(),
            ((y - rs[:, None, :] - qs[None] + s) ** 2).sum()]
    df = [R - 1, Q - 1, (R - 1) * (S - 1), (Q - 1) * (S - 1), (R - 1) * (Q - 1) * S]
    return [total / d if d else 0.0 for total, d in zip(sums, df)], df


def satterthwaite(weights, ms, df, floor):
    """Variance (at least the floor) and degrees of freedom of a combination of mean squares."""
    parts = [(w * m, d) for w, m, d in zip(weights, ms, df) if d > 0]
    variance, spread = max(sum(p for p, d in parts), floor), sum(p**2 / d for p, d in parts)
    return variance, variance**2 / spread if spread > 0 else np.inf


def t_limits(value, variance, df):
    """None of one score alone; the value twice where nothing varies."""
    if variance is None:
        return None
    half = stats.t.isf((1 - LEVEL) / 2, df) * np.sqrt(variance) if variance > 0 else 0.0
    return value - half, value + half


def closed_form(y):
    """Means and differences with limits; with one rater or one cluster an ordinary t."""
    R, Q, S = y.shape
    pairs = list(combinations(range(S), 2))
    layers = [y[:, :, i] for i in range(S)] + [y[:, :, i] - y[:, :, j] for i, j in pairs]
    if min(R, Q) < 2:
        errors = [(x.var(ddof=1) / x.size if x.size > 1 else None, x.size - 1) for x in layers]
    else:
        ms, df = squares(y)
        n, two = R * Q * S, 2 / (R * Q)
        mean = [1 / n, 1 / n, (S - 1) / n, (S - 1) / n, -S / n]
        least = max((ms[0] + (S - 1) * ms[2]) / n, (ms[1] + (S - 1) * ms[3]) / n, S * ms[4] / n)
        of_mean = satterthwaite(mean, ms, df, least)
        of_pair = satterthwaite([0, 0, two, two, -two], ms, df, two * max(ms[2:]))
        errors = [of_mean] * S + [of_pair] * len(pairs)
    return [(x.mean(), t_limits(x.mean(), *error)) for x, error in zip(layers, errors)]


def part(x, cluster):
    """Of a layer: mean of the cells present, their number, weights of the variance's components, these, their df."""
    there = ~np.isnan(x)
    n = there.sum()
    if n == 0:
        return np.nan, 0, np.zeros(3), np.zeros(3), np.zeros(3)
    e, member = np.where(there, x - x[there].mean(), 0.0), cluster[:, None] == np.arange(cluster.max() + 1)
    if (e**2).sum() <= 1e-20 * max(1.0, (x[there] ** 2).sum()):
        e = 0.0 * e
    both, total = there.astype(float) @ member, e @ member
    counts = [both.sum(1, keepdims=True), both.sum(0, keepdims=True), both]
    sums = [(t**2).sum() for t in (total.sum(1), total.sum(0), total)]
    common = lambda a, b: a if a is b else both
    expected = [[(common(a, b) ** 2).sum() - 2 * (common(a, b) * a * b).sum() / n + (a**2).sum() * (b**2).sum() / n**2
                 for b in counts] for a in counts]
    free = [(c**2).sum() ** 2 / (c**4).sum() - 1 for c in counts[:2]]
    left = (both > 0).sum() - (counts[0] > 0).sum() - (counts[1] > 0).sum() + 1
    return (x[there].mean(), n, np.array([(c**2).sum() for c in counts]) / n**2,
            np.linalg.pinv(expected, rcond=1e-10, hermitian=True) @ sums, np.array([*free, left]))


def independent(pairs):
    """How many differences of these pairs are independent: their arms less the groups that they connect."""
    groups = []
    for pair in pairs:
        met = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in met] + [set(pair).union(*met)]
    return sum(len(group) - 1 for group in groups)


def moments(layers, cluster, pairs=None):
    """Means of the cells present with limits; components of the variance are means over all layers."""
    parts = [part(x, cluster) for x in layers]
    used = [k for k, p in enumerate(parts) if min(p[4][:2]) > 1e-9] or [k for k, p in enumerate(parts) if p[1] > 1]
    if not used:
        return [(p[0], None) for p in parts]
    times = 1 if pairs is None else independent([pairs[k] for k in used])
    components, df = np.mean([parts[k][3] for k in used], axis=0), times * np.mean([parts[k][4] for k in used], axis=0)
    if max(df[:2]) <= 1e-9:  # one rater and one patient
        return [(p[0], None) for p in parts]
    found = []
    for value, n, weights, _, _ in parts:
        v = weights * components
        if min(df[:2]) > 1e-9:
            ms = v[0] + v[2], v[1] + v[2], v[2]
            error = satterthwaite([1, 1, -1], ms, [df[0], df[1], max(df[2], 1.0)], max(*ms, 0.0))
        else:
            error = satterthwaite([1], [v.sum()], [max(df[:2])], 0.0)
        found.append((value, t_limits(value, *error) if n else None))
    return found


def analysed(y, cluster):
    """(value, limits) of every arm and of every pair of arms, in their order; y is raters x questions x arms."""
    per_cluster, S = np.bincount(cluster), y.shape[2]
    if not np.isnan(y).any() and len(set(per_cluster)) == 1:
        return closed_form(np.stack([y[:, cluster == c].mean(1) for c in range(len(per_cluster))], axis=1))
    pairs = list(combinations(range(S), 2))
    differences = [y[:, :, i] - y[:, :, j] for i, j in pairs]
    return moments([y[:, :, i] for i in range(S)], cluster) + moments(differences, cluster, pairs)


def line(aspect, name, value, limits):
    return f"{aspect}\\t{name}\\t{value:.1f}" + (f" [{limits[0]:.1f}, {limits[1]:.1f}]" if limits else "")


with open("scores.csv", encoding="utf-8-sig", newline="") as file:
    rows = list(csv.DictReader(file))
# R2 before R10, P999 before P1000.
raters, questions, patients = (
    sorted({row[name] for row in rows}, key=lambda text: (len(text), text)) for name in ("rater", "question", "patient")
)
arms = sorted({row["arm"] for row in rows})
patient_of = {row["question"]: row["patient"] for row in rows}
cluster = np.array([patients.index(patient_of[question]) for question in questions])
for aspect in sorted({row["aspect"] for row in rows}):
    # Arms without any score (ARMS counts them too) leave their cells empty.
    y = np.full((len(raters), len(questions), ARMS), np.nan)
    for row in rows:
        if row["aspect"] == aspect:
            place = raters.index(row["rater"]), questions.index(row["question"]), arms.index(row["arm"])
            y[place] = float(row["score"])
    found = analysed(y, cluster)
    for name, (value, limits) in zip(arms, found):
        cut = (max(limits[0], LOW), min(limits[1], HIGH)) if limits else None
        print(line(aspect, name, value, cut))
    for (i, j), (value, limits) in zip(combinations(range(ARMS), 2), found[ARMS:]):
        if max(i, j) < len(arms):
            print(line(aspect, f"{arms[i]} - {arms[j]}", value, limits))
'''

_R_HEAD = """# Table 1 from scores.csv: means with intervals, then differences of arms (see codebook.csv).
# Plain R, no package. The same model by REML, with lme4, for each aspect (equal where no component is zero):
#   lmer(score ~ arm + (1 | rater) + (1 | patient) + (1 | rater:arm) + (1 | patient:arm))
"""

_R = """
# Mean squares with degrees of freedom of raters x clusters x arms: raters, clusters, both by arm, the rest.
squares <- function(y) {
  R <- dim(y)[1]; Q <- dim(y)[2]; S <- dim(y)[3]
  g <- mean(y); r <- apply(y, 1, mean); q <- apply(y, 2, mean); s <- apply(y, 3, mean)
  rs <- apply(y, c(1, 3), mean); qs <- apply(y, c(2, 3), mean)
  rest <- y - aperm(array(rs, c(R, S, Q)), c(1, 3, 2)) - aperm(array(qs, c(Q, S, R)), c(3, 1, 2)) +
    aperm(array(s, c(S, R, Q)), c(2, 3, 1))
  sums <- c(Q * S * sum((r - g)^2), R * S * sum((q - g)^2),
            Q * sum((rs - outer(r, s, "+") + g)^2), R * sum((qs - outer(q, s, "+") + g)^2), sum(rest^2))
  df <- c(R - 1, Q - 1, (R - 1) * (S - 1), (Q - 1) * (S - 1), (R - 1) * (Q - 1) * S)
  list(ms = ifelse(df > 0, sums / pmax(df, 1), 0), df = df)
}

# Variance (at least the floor) and degrees of freedom of a combination of mean squares.
satterthwaite <- function(weights, found, least) {
  used <- found$df > 0
  parts <- (weights * found$ms)[used]
  variance <- max(sum(parts), least); spread <- sum(parts^2 / found$df[used])
  c(variance, if (spread > 0) variance^2 / spread else Inf)
}

# c(value, lower, upper); no limits of one score alone, the value three times where nothing varies.
t_limits <- function(value, error) {
  if (is.na(error[1])) return(c(value, NA, NA))
  half <- if (error[1] > 0) qt((1 - LEVEL) / 2, error[2], lower.tail = FALSE) * sqrt(error[1]) else 0
  value + c(0, -half, half)
}

# Layers to be told of: every arm, then every pair of arms.
layers_of <- function(y) {
  S <- dim(y)[3]
  pairs <- if (S > 1) combn(S, 2, simplify = FALSE) else list()
  layer <- function(i) matrix(y[, , i], dim(y)[1], dim(y)[2])
  c(lapply(seq_len(S), layer), lapply(pairs, function(p) layer(p[1]) - layer(p[2])))
}

# Means and differences with limits; with one rater or one cluster an ordinary t.
closed_form <- function(y) {
  R <- dim(y)[1]; Q <- dim(y)[2]; S <- dim(y)[3]
  layers <- layers_of(y)
  if (min(R, Q) < 2) return(lapply(layers, function(x) {
    t_limits(mean(x), c(if (length(x) > 1) var(as.vector(x)) / length(x) else NA, length(x) - 1))
  }))
  found <- squares(y); ms <- found$ms; n <- R * Q * S; two <- 2 / (R * Q)
  least <- max((ms[1] + (S - 1) * ms[3]) / n, (ms[2] + (S - 1) * ms[4]) / n, S * ms[5] / n)
  of_mean <- satterthwaite(c(1, 1, S - 1, S - 1, -S) / n, found, least)
  of_pair <- satterthwaite(c(0, 0, two, two, -two), found, two * max(ms[3:5]))
  lapply(seq_along(layers), function(i) t_limits(mean(layers[[i]]), if (i <= S) of_mean else of_pair))
}

# Inverse without the directions that have no value.
inverse <- function(m) {
  e <- eigen(m, symmetric = TRUE); kept <- abs(e$values) > 1e-10 * max(abs(e$values))
  if (!any(kept)) return(0 * m)
  v <- e$vectors[, kept, drop = FALSE]; v %*% (t(v) / e$values[kept])
}

# Of a layer: mean of the cells present, their number, weights of the variance's components, these, their df.
part <- function(x, cluster) {
  there <- !is.na(x); n <- sum(there)
  if (n == 0) return(list(value = NaN, n = 0, weights = rep(0, 3), components = rep(0, 3), df = rep(0, 3)))
  value <- mean(x[there]); e <- ifelse(there, x - value, 0)
  if (sum(e^2) <= 1e-20 * max(1, sum(x[there]^2))) e <- 0 * e
  member <- 1 * outer(cluster, seq_len(max(cluster)), "==")
  both <- (1 * there) %*% member; total <- e %*% member
  full <- list(matrix(rowSums(both), nrow(both), ncol(both)),
               matrix(colSums(both), nrow(both), ncol(both), byrow = TRUE), both)
  own <- list(rowSums(both), colSums(both), as.vector(both))
  expected <- matrix(0, 3, 3)
  for (j in 1:3) for (k in 1:3) {
    common <- if (j == k) sum(own[[j]]^2) - 2 * sum(own[[j]]^3) / n
              else sum(both^2) - 2 * sum(both * full[[j]] * full[[k]]) / n
    expected[j, k] <- common + sum(own[[j]]^2) * sum(own[[k]]^2) / n^2
  }
  sums <- c(sum(rowSums(total)^2), sum(colSums(total)^2), sum(total^2))
  free <- sapply(own[1:2], function(c) sum(c^2)^2 / sum(c^4) - 1)
  left <- sum(both > 0) - sum(own[[1]] > 0) - sum(own[[2]] > 0) + 1
  list(value = value, n = n, weights = sapply(own, function(c) sum(c^2)) / n^2,
       components = as.vector(inverse(expected) %*% sums), df = c(free, left))
}

# Means of the cells present with limits; components of the variance are means over all layers.
# How many differences of these pairs are independent: their arms less the groups that they connect.
independent <- function(pairs) {
  groups <- list()
  for (pair in pairs) {
    met <- vapply(groups, function(group) any(pair %in% group), logical(1))
    groups <- c(groups[!met], list(unique(c(pair, unlist(groups[met])))))
  }
  sum(lengths(groups) - 1)
}

moments <- function(layers, cluster, pairs = NULL) {
  parts <- lapply(layers, part, cluster)
  none <- function() lapply(parts, function(p) c(p$value, NA, NA))
  used <- which(vapply(parts, function(p) min(p$df[1:2]) > 1e-9, logical(1)))
  if (length(used) == 0) used <- which(vapply(parts, function(p) p$n > 1, logical(1)))
  if (length(used) == 0) return(none())
  times <- if (is.null(pairs)) 1 else independent(pairs[used])
  over <- function(name) Reduce(`+`, lapply(parts[used], function(p) p[[name]])) / length(used)
  components <- over("components"); df <- times * over("df")
  if (max(df[1:2]) <= 1e-9) return(none()) # one rater and one patient
  lapply(parts, function(p) {
    if (p$n == 0) return(c(NaN, NA, NA))
    v <- p$weights * components
    error <- if (min(df[1:2]) > 1e-9) {
      ms <- c(v[1] + v[3], v[2] + v[3], v[3])
      satterthwaite(c(1, 1, -1), list(ms = ms, df = c(df[1:2], max(df[3], 1))), max(ms, 0))
    } else satterthwaite(1, list(ms = sum(v), df = max(df[1:2])), 0)
    t_limits(p$value, error)
  })
}

# y is raters x questions x arms; cluster gives each question's patient.
analysed <- function(y, cluster) {
  per_cluster <- tabulate(cluster)
  R <- dim(y)[1]; C <- length(per_cluster); S <- dim(y)[3]
  if (anyNA(y) || length(unique(per_cluster)) > 1) {
    layers <- layers_of(y)
    pairs <- if (S > 1) combn(S, 2, simplify = FALSE) else list()
    return(c(moments(layers[seq_len(S)], cluster), moments(layers[-seq_len(S)], cluster, pairs)))
  }
  by_patient <- array(0, c(R, C, S))
  for (k in seq_len(C)) by_patient[, k, ] <- apply(y[, cluster == k, , drop = FALSE], c(1, 3), mean)
  closed_form(by_patient)
}

say <- function(aspect, name, found) {
  limits <- if (anyNA(found[2:3])) "" else sprintf(" [%.1f, %.1f]", found[2], found[3])
  writeLines(enc2utf8(paste0(aspect, "\\t", name, "\\t", sprintf("%.1f", found[1]), limits)), useBytes = TRUE)
}

scores <- read.csv("scores.csv", encoding = "UTF-8", stringsAsFactors = FALSE)
names(scores)[1] <- "rater" # the file begins with a byte order mark, for spreadsheets
# R2 before R10, P999 before P1000.
in_order <- function(names) { names <- unique(names); names[order(nchar(names), names)] }
raters <- in_order(scores$rater); questions <- in_order(scores$question); patients <- in_order(scores$patient)
arms <- sort(unique(scores$arm), method = "radix")
cluster <- match(scores$patient[match(questions, scores$question)], patients)
for (aspect in sort(unique(scores$aspect), method = "radix")) {
  one <- scores[scores$aspect == aspect, ]
  # Arms without any score (ARMS counts them too) leave their cells empty.
  y <- array(NA_real_, c(length(raters), length(questions), ARMS))
  y[cbind(match(one$rater, raters), match(one$question, questions), match(one$arm, arms))] <- one$score
  found <- analysed(y, cluster)
  for (i in seq_along(arms)) say(aspect, arms[i], c(found[[i]][1], pmax(found[[i]][2], LOW), pmin(found[[i]][3], HIGH)))
  pairs <- if (ARMS > 1) combn(ARMS, 2, simplify = FALSE) else list()
  for (k in seq_along(pairs)) if (max(pairs[[k]]) <= length(arms)) {
    say(aspect, paste(arms[pairs[[k]]], collapse = " - "), found[[ARMS + k]])
  }
}
"""


def _numbers(data: StudyData) -> dict[str, str]:
    """What the programs need beside the scores: all of it numbers."""
    low, high = (float(limit) for limit in data.facts["scale"])
    return {
        "LEVEL": f"{read_plan(data.facts).level:.12g}",
        "LOW": f"{low:g}",
        "HIGH": f"{high:g}",
        "ARMS": str(len(data.arms)),
    }


def python_snippet(data: StudyData) -> str:
    """A program for the folder of the export; prints aspect, arm (or `first - second`) and `mean [lower, upper]`,
    divided by tabs."""
    return (
        _PYTHON_HEAD + "\n".join(f"{key} = {value}" for key, value in _numbers(data).items()) + "\n" + _PYTHON
    )


def r_snippet(data: StudyData) -> str:
    """The same program in R."""
    return _R_HEAD + "\n".join(f"{key} <- {value}" for key, value in _numbers(data).items()) + "\n" + _R
