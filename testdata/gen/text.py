"""Golden numbers of text and hashes: scikit-learn.

Run with the versions in requirements.txt: python testdata/gen/text.py
"""

import numpy as np
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

from golden import case, write

rng = np.random.default_rng(41)
WORDS = "late early again gate Gate plane rain Schnee über 2nd a I fog_bank Straße İstanbul delay, no-show e.g. don't".split()


def drawn(n):
    texts = [" ".join(WORDS[int(i)] for i in rng.integers(0, len(WORDS), rng.integers(0, 9))) for _ in range(n)]
    return ["" if rng.random() < 0.1 else text for text in texts]


def entries(matrix):
    """Row by row: places and values, without zeros."""
    matrix = matrix.tocsr()
    matrix.sort_indices()
    rows = [slice(a, b) for a, b in zip(matrix.indptr, matrix.indptr[1:])]
    return [[[int(i), float(v)] for i, v in zip(matrix.indices[r], matrix.data[r]) if v != 0] for r in rows]


def vectorized(recipe, texts):
    found = entries(recipe.fit_transform(texts))
    return {"tokens": list(recipe.get_feature_names_out()), "rows": found}


texts = {
    "by hand": ["late again", "again and again", "", "Late!"],
    "words": drawn(30),
    "more words": drawn(12),
    "blanks": ["two  blanks\tand \n more", " lead", "trail ", "ab", "a", "éa éa"],
}
cases = []
for name, x in texts.items():
    recipes = {
        "words": dict(), "word pairs": dict(ngram_range=(1, 2)), "three letters": dict(analyzer="char", ngram_range=(2, 3)),
        "letters in words": dict(analyzer="char_wb", ngram_range=(2, 4)), "as written": dict(lowercase=False),
    }
    counts = {label: vectorized(CountVectorizer(**options), x) for label, options in recipes.items()}
    counts["once"] = vectorized(CountVectorizer(binary=True), x)
    if name != "blanks":  # no token is in two texts there
        counts["in two"] = vectorized(CountVectorizer(min_df=2), x)
    counts["not in half"] = vectorized(CountVectorizer(max_df=0.5), x)
    weights = {label: vectorized(TfidfVectorizer(**options), x) for label, options in recipes.items()}
    weights["sublinear"] = vectorized(TfidfVectorizer(sublinear_tf=True), x)
    weights["by sum"] = vectorized(TfidfVectorizer(norm="l1"), x)
    weights["as it is"] = vectorized(TfidfVectorizer(norm=None), x)
    hashes = {
        "words": entries(HashingVectorizer().transform(x)),
        "few": entries(HashingVectorizer(n_features=16).transform(x)),
        "letters": entries(HashingVectorizer(n_features=256, analyzer="char_wb", ngram_range=(2, 3), norm="l1", alternate_sign=False).transform(x)),
    }
    tokens = CountVectorizer()
    found = tokens.fit_transform(x)
    counted = {t: [int((found[:, i] > 0).sum()), int(found[:, i].sum())] for i, t in enumerate(tokens.get_feature_names_out())}
    cases.append(case(name, "sums in another order", {"x": x},
                      {"CountVectorizer": counts, "TfidfVectorizer": weights, "HashingVectorizer": hashes, "TokenCounts": counted},
                      ties=len(set(" ".join(x).split())) < len(" ".join(x).split())))

AIRPORTS = ["JFK", "EWR", "LGA", "Zürich", ""]
for name, n, missing in [("features", 20, 0.0), ("features with nulls", 40, 0.3)]:
    word = [None if rng.random() < missing else AIRPORTS[int(i)] for i in rng.integers(0, 5, n)]
    other = [None if rng.random() < missing else AIRPORTS[int(i)] for i in rng.integers(0, 5, n)]
    number = [None if rng.random() < missing else float(v) for v in np.round(rng.normal(size=n), 3)]
    rows = [{k: v for k, v in zip(["word", "other", "number"], row) if v is not None} for row in zip(word, other, number)]
    hashed = lambda **options: entries(FeatureHasher(**options).transform(rows))
    cases.append(case(name, "sums in another order", {"word": word, "other": other, "number": number},
                      {"FeatureHasher": {"default": hashed(), "8": hashed(n_features=8), "64 unsigned": hashed(n_features=64, alternate_sign=False)}},
                      ties=True))
counts = [{"dog": 1, "cat": 2, "elephant": 4}, {"dog": 2, "run": 5}]
cases.append(case("the documentation's", "the same", {"dog": [1, 2], "cat": [2, None], "elephant": [4, None], "run": [None, 5]},
                  {"FeatureHasher": {"10": entries(FeatureHasher(n_features=10).transform(counts))}}, ties=True))
write("text.json", cases)
