//! Every encoder keeps the contract, and fits from a stream to the same bytes.

use mlsys_core::{Fit, Role};
use mlsys_encoding::text::{Analyzer, CountVectorizer, HashingVectorizer, TfidfVectorizer, Unit};
use mlsys_encoding::{
    Beyond, BinBy, BinOutput, BinaryEncoder, Binner, CalendarEncoder, CalendarPart, CapBy, CategoryCross,
    Center, Code, Contrast, ContrastEncoder, CooccurrenceEncoder, CountAs, CountEncoder, CrossFit,
    CyclicalEncoder, FeatureHasher, FourierFeatures, Kept, Knots, LeaveOneOutEncoder, Log, LogTransformer,
    LshEncoder, LshFamily, MaxAbsScaler, MdlpBinner, MinFrequency, MinHashEncoder, MinMaxScaler, MissingAs,
    MissingBin, Monotone, Norm, Normalizer, OneHotEncoder, OneHotOutput, OrderedTargetEncoder,
    OrdinalEncoder, OutputDistribution, Period, PolynomialFeatures, PositionEncoder, PowerMethod,
    PowerTransformer, QuantileRule, QuantileTransformer, RareGrouper, RobustScaler, RowOrder, Scale, Sign,
    Since, Smoothing, SplineTransformer, StandardScaler, Tails, TargetEncoder, Terms, TimeSince, Unseen,
    UnseenAs, UnseenCode, Waves, Winsorizer, WoeBinner, WoeEncoder,
};
use mlsys_neighbors::lsh::{PStableHash, SimHash};
use mlsys_stats::{Quantiles, TargetAs};
use mlsys_testkit::{Contract, Features, Target, streamed_fit, table};

#[test]
fn standard_scaler() {
    Contract::new("StandardScaler", StandardScaler::new()).transform();
    Contract::new("StandardScaler, centred only", StandardScaler::new().scale(Scale::One)).transform();
    Contract::new("StandardScaler, scaled only", StandardScaler::new().center(Center::Zero))
        .features(Features::Any)
        .transform();
}

#[test]
fn scalers_of_ranges() {
    let recipe = MinMaxScaler::new();
    Contract::new("MinMaxScaler", recipe)
        .bad("range", recipe.range(1.0, 1.0))
        .bad("range", recipe.range(2.0, 1.0))
        .bad("range", recipe.range(f64::NAN, 1.0))
        .bad("range", recipe.range(0.0, f64::INFINITY))
        .bad("range", recipe.range(-1e308, 1e308))
        .transform();
    Contract::new("MinMaxScaler, clipped", recipe.range(-3.0, 0.5).clip(true)).transform();
    Contract::new("MaxAbsScaler", MaxAbsScaler::new()).transform();
    let any = MaxAbsScaler::new().on(["flag", "count", "number"]);
    Contract::new("MaxAbsScaler on three", any).features(Features::Any).transform();
}

#[test]
fn robust_scaler() {
    let recipe = RobustScaler::new();
    Contract::new("RobustScaler", recipe)
        .bad("between", recipe.between(0.5, 0.5))
        .bad("between", recipe.between(0.75, 0.25))
        .bad("between", recipe.between(-0.1, 0.5))
        .bad("between", recipe.between(0.1, f64::NAN))
        .bad("exact_up_to", recipe.quantiles(Quantiles::new().exact_up_to(0)))
        .bad("k", recipe.quantiles(Quantiles::new().k(3)))
        .transform();
    Contract::new("RobustScaler, centred only", recipe.scale(false)).transform();
    Contract::new("RobustScaler, wide", recipe.center(false).between(0.05, 0.95)).transform();
}

#[test]
fn quantile_transformer() {
    let recipe = QuantileTransformer::new();
    Contract::new("QuantileTransformer", recipe)
        .bad("n_quantiles", recipe.n_quantiles(1))
        .bad("n_quantiles", recipe.n_quantiles(1_000_001))
        .bad("exact_up_to", recipe.quantiles(Quantiles::new().exact_up_to(0)))
        .transform();
    let normal = recipe.n_quantiles(20).output(OutputDistribution::Normal);
    Contract::new("QuantileTransformer, normal", normal).transform();
}

#[test]
fn binner() {
    let recipe = Binner::new();
    let edges = |edges: &[f64]| Binner::new().by(BinBy::Edges(edges.to_vec()));
    Contract::new("Binner", recipe.clone())
        .bad("bins", recipe.clone().bins(1))
        .bad("bins", recipe.clone().bins(10_001))
        .bad("by", edges(&[1.0]))
        .bad("by", edges(&[1.0, 1.0]))
        .bad("by", edges(&[1.0, f64::NAN]))
        .bad("by", edges(&[0.0, f64::INFINITY]))
        .bad("k", recipe.clone().quantiles(Quantiles::new().k(3)))
        .transform();
    let linear = recipe.clone().quantile_rule(QuantileRule::Linear).bins(40).missing(MissingBin::Own);
    Contract::new("Binner, linear", linear).transform();
    let columns = recipe.clone().output(BinOutput::Columns).by(BinBy::KMeans).bins(7);
    Contract::new("Binner, k-means", columns).transform();
    let width = recipe.by(BinBy::EqualWidth).missing(MissingBin::Keep).output(BinOutput::Columns);
    Contract::new("Binner, equal width", width).transform();
    Contract::new("Binner, edges", edges(&[-9.5, -1.0, 0.0, 30.0])).transform();
}

#[test]
fn winsorizer() {
    let recipe = Winsorizer::new();
    Contract::new("Winsorizer", recipe)
        .bad("by", recipe.by(CapBy::Quantiles(0.5)))
        .bad("by", recipe.by(CapBy::Quantiles(-0.1)))
        .bad("by", recipe.by(CapBy::Gaussian(0.0)))
        .bad("by", recipe.by(CapBy::Iqr(f64::NAN)))
        .bad("by", recipe.by(CapBy::Mad(f64::INFINITY)))
        .bad("exact_up_to", recipe.quantiles(Quantiles::new().exact_up_to(0)))
        .transform();
    for (by, tails) in
        [(CapBy::Gaussian(1.0), Tails::Low), (CapBy::Iqr(0.1), Tails::High), (CapBy::Mad(1.0), Tails::Both)]
    {
        Contract::new("Winsorizer, otherwise", recipe.by(by).tails(tails)).transform();
    }
}

#[test]
fn normalizer() {
    for norm in [Norm::L1, Norm::L2, Norm::Max] {
        Contract::new("Normalizer", Normalizer::new().norm(norm)).transform();
    }
    let any = Normalizer::new().on(["flag", "count", "number"]);
    Contract::new("Normalizer on three", any).features(Features::Any).transform();
}

#[test]
fn log_transformer() {
    Contract::new("LogTransformer, signed", LogTransformer::new().log(Log::Signed)).transform();
    let counts = LogTransformer::new().on(["count", "größe 量"]);
    Contract::new("LogTransformer on two", counts).features(Features::Any).transform();
}

#[test]
fn power_transformer() {
    let recipe = PowerTransformer::new();
    Contract::new("PowerTransformer", recipe).transform();
    Contract::new("PowerTransformer, plain", recipe.standardize(false)).transform();
    let positive = recipe.method(PowerMethod::BoxCox);
    let shifted = MinMaxScaler::new().range(1.0, 2.0).then(positive);
    Contract::new("PowerTransformer, Box-Cox", shifted).transform();
}

#[test]
fn mdlp_binner() {
    let folds = MdlpBinner::new().cross_fit(CrossFit::new(1));
    Contract::new("MdlpBinner", MdlpBinner::new()).bad("folds", folds).transform();
    let columns = MdlpBinner::new().output(BinOutput::Columns).missing(MissingBin::Keep);
    Contract::new("MdlpBinner, columns", columns).target(Target::Multiclass).transform();
}

#[test]
fn woe_binner() {
    let recipe = WoeBinner::new();
    Contract::new("WoeBinner", recipe)
        .bad("start", recipe.start(1))
        .bad("start", recipe.start(10_001))
        .bad("min_share", recipe.min_share(0.6))
        .bad("min_share", recipe.min_share(f64::NAN))
        .transform();
    let falling = recipe.start(7).min_share(0.2).monotone(Monotone::Falling);
    Contract::new("WoeBinner, falling", falling).transform();
}

#[test]
fn ordinal_encoder() {
    let recipe = OrdinalEncoder::new();
    let bad = recipe.max_distinct(0);
    Contract::new("OrdinalEncoder", recipe).features(Features::Text).bad("max_distinct", bad).transform();
    let all = OrdinalEncoder::new().unseen(UnseenCode::Null).on(["word", "flag", "count", "number"]);
    Contract::new("OrdinalEncoder on four", all).features(Features::Any).transform();
}

#[test]
fn one_hot_encoder() {
    let recipe = OneHotEncoder::new();
    Contract::new("OneHotEncoder", recipe.clone())
        .features(Features::Text)
        .bad("max_distinct", recipe.clone().max_distinct(0))
        .bad("max_categories", recipe.clone().max_categories(0))
        .bad("min_frequency", recipe.clone().min_frequency(1.5))
        .bad("min_frequency", recipe.min_frequency(-1))
        .transform();
    let grouped =
        OneHotEncoder::new().min_frequency(0.1).unseen(Unseen::Infrequent).missing(MissingAs::Zeros);
    Contract::new("OneHotEncoder, grouped", grouped).features(Features::Text).transform();
    let few = OneHotEncoder::new().max_categories(3).on(["word", "flag", "count"]);
    Contract::new("OneHotEncoder on three", few).features(Features::Any).transform();
}

#[test]
fn target_encoder() {
    let recipe = TargetEncoder::new();
    let sigmoid = |least, width| recipe.smoothing(Smoothing::Sigmoid { least, width });
    Contract::new("TargetEncoder", recipe)
        .features(Features::Text)
        .bad("folds", recipe.cross_fit(CrossFit::new(1)))
        .bad("folds", recipe.cross_fit(CrossFit::new(101)))
        .bad("m", recipe.smoothing(Smoothing::M(-1.0)))
        .bad("m", recipe.smoothing(Smoothing::M(f64::NAN)))
        .bad("least", sigmoid(f64::INFINITY, 1.0))
        .bad("width", sigmoid(1.0, 0.0))
        .transform();
    for smoothing in [Smoothing::M(3.0), Smoothing::JamesStein, Smoothing::Sigmoid { least: 9.0, width: 2.0 }]
    {
        let recipe = recipe.smoothing(smoothing);
        let contract = Contract::new("TargetEncoder of a number", recipe).features(Features::Text);
        contract.target(Target::Number).transform();
    }
    let all = recipe.on(["word", "flag", "count", "number"]);
    let contract = Contract::new("TargetEncoder of three classes", all).features(Features::Any);
    contract.target(Target::Multiclass).transform();
}

#[test]
fn other_encoders_of_the_target() {
    let ordered = OrderedTargetEncoder::new();
    Contract::new("OrderedTargetEncoder", ordered)
        .features(Features::Text)
        .bad("prior_weight", ordered.prior_weight(0.0))
        .bad("prior_weight", ordered.prior_weight(f64::INFINITY))
        .bad("order", ordered.order(RowOrder::Permutations(0)))
        .bad("order", ordered.order(RowOrder::Permutations(1_001)))
        .transform();
    let woe = WoeEncoder::new();
    Contract::new("WoeEncoder", woe)
        .features(Features::Text)
        .bad("regularization", woe.regularization(0.0))
        .bad("regularization", woe.regularization(f64::NAN))
        .bad("min_rows", woe.min_rows(0))
        .bad("folds", woe.cross_fit(CrossFit::new(0)))
        .transform();
    let of_classes = LeaveOneOutEncoder::new().target_as(TargetAs::Classes);
    Contract::new("LeaveOneOutEncoder", of_classes).features(Features::Text).transform();
    let contract = Contract::new("LeaveOneOutEncoder of a number", LeaveOneOutEncoder::new());
    contract.features(Features::Text).target(Target::Number).transform();
}

#[test]
fn categories_as_numbers() {
    let counts = CountEncoder::new();
    Contract::new("CountEncoder", counts)
        .features(Features::Text)
        .bad("max_distinct", counts.max_distinct(0))
        .transform();
    let shares = counts.count_as(CountAs::Share).missing(MissingAs::Zeros).on(["word", "flag", "count"]);
    Contract::new("CountEncoder, shares", shares).features(Features::Any).transform();
    let digits = BinaryEncoder::new();
    Contract::new("BinaryEncoder", digits)
        .features(Features::Text)
        .bad("max_distinct", digits.max_distinct(0))
        .bad("code", digits.code(Code::Base(1)))
        .bad("code", digits.code(Code::Base(65_537)))
        .transform();
    let ranks = digits.code(Code::Rank).unseen(UnseenAs::Zeros);
    Contract::new("BinaryEncoder, ranks", ranks).features(Features::Text).transform();
    let contrasts = ContrastEncoder::new(Contrast::Polynomial);
    Contract::new("ContrastEncoder", contrasts)
        .features(Features::Text)
        .bad("max_distinct", contrasts.max_distinct(0))
        .bad("max_distinct", contrasts.max_distinct(1_025))
        .transform();
}

#[test]
fn sparse_rows() {
    let one_hot = OneHotEncoder::new().output(OneHotOutput::Sparse);
    Contract::new("OneHotEncoder, sparse", one_hot).features(Features::Text).transform();
    let hasher = FeatureHasher::new();
    Contract::new("FeatureHasher", hasher.clone())
        .features(Features::Text)
        .bad("n_features", hasher.clone().n_features(0))
        .bad("n_features", hasher.clone().n_features(u32::MAX))
        .transform();
    let few = hasher.n_features(4).sign(Sign::Keep).on(["word", "flag", "count", "number"]);
    Contract::new("FeatureHasher on four", few).features(Features::Any).transform();
    let letters = Analyzer::new().unit(Unit::Characters).n_grams(1, 2);
    let counts = CountVectorizer::new();
    Contract::new("CountVectorizer", counts)
        .features(Features::Text)
        .bad("n_grams", counts.analyzer(letters.n_grams(0, 2)))
        .bad("n_grams", counts.analyzer(letters.n_grams(3, 2)))
        .bad("min_texts", counts.min_texts(1.5))
        .bad("max_texts", counts.max_texts(f64::NAN))
        .bad("max_tokens", counts.max_tokens(0))
        .skip("weights", "a row of weight 2 is one text")
        .transform();
    let weights = TfidfVectorizer::new().analyzer(letters).min_texts(0.01).max_tokens(20);
    Contract::new("TfidfVectorizer", weights)
        .features(Features::Text)
        .bad("n_grams", weights.analyzer(letters.n_grams(1, 101)))
        .skip("weights", "a row of weight 2 is one text")
        .transform();
    let hashes = HashingVectorizer::new();
    Contract::new("HashingVectorizer", hashes)
        .features(Features::Text)
        .bad("n_features", hashes.n_features(0))
        .bad("n_grams", hashes.analyzer(letters.n_grams(0, 0)))
        .transform();
}

#[test]
fn rare_grouper() {
    let recipe = RareGrouper::new();
    Contract::new("RareGrouper", recipe.clone())
        .features(Features::Text)
        .bad("min_frequency", recipe.clone().min_frequency(1.0))
        .bad("min_frequency", recipe.clone().min_frequency(0))
        .bad("max_categories", recipe.clone().max_categories(1))
        .bad("max_distinct", recipe.clone().max_distinct(0))
        .transform();
    let few = recipe.min_frequency(10).max_categories(3).label("other");
    Contract::new("RareGrouper, few", few).features(Features::Text).transform();
}

#[test]
fn expansions() {
    let products = PolynomialFeatures::new();
    Contract::new("PolynomialFeatures", products)
        .bad("degree", products.degree(1))
        .bad("degree", products.degree(11))
        .transform();
    let interactions = products.degree(3).terms(Terms::Interactions);
    Contract::new("PolynomialFeatures, interactions", interactions).transform();
    let splines = SplineTransformer::new();
    Contract::new("SplineTransformer", splines)
        .bad("degree", splines.degree(11))
        .bad("knots", splines.knots(1))
        .bad("knots", splines.knots(1_001))
        .bad("knots", splines.knots(3).beyond(Beyond::Periodic))
        .bad("k", splines.quantiles(Quantiles::new().k(3)))
        .transform();
    let periodic = splines.knots(4).degree(2).at(Knots::Quantile).beyond(Beyond::Periodic).on(["number"]);
    Contract::new("SplineTransformer, periodic", periodic).transform();
}

#[test]
fn crosses() {
    let crosses = CategoryCross::new([vec!["word", "flag"], vec!["word", "count", "flag"]]);
    Contract::new("CategoryCross", crosses.clone())
        .features(Features::Any)
        .bad("crosses", CategoryCross::new([["word", "word"]]))
        .bad("crosses", CategoryCross::new([["word", "label"]]))
        .bad("kept", crosses.clone().kept(Kept::Buckets(0)))
        .bad("kept", crosses.clone().kept(Kept::Frequent(MinFrequency::Count(0))))
        .bad("max_distinct", crosses.clone().max_distinct(0))
        .transform();
    let frequent = crosses.kept(Kept::Frequent(MinFrequency::Share(0.05)));
    Contract::new("CategoryCross, frequent", frequent).features(Features::Any).transform();
}

#[test]
fn cooccurrence_encoder() {
    let recipe = CooccurrenceEncoder::new().dimensions(2);
    Contract::new("CooccurrenceEncoder", recipe.on(["word", "flag", "count"]))
        .features(Features::Any)
        .bad("dimensions", recipe.dimensions(0).on(["word", "flag", "count"]))
        .bad("dimensions", recipe.dimensions(257).on(["word", "flag", "count"]))
        .bad("max_distinct", recipe.max_distinct(0).on(["word", "flag", "count"]))
        .bad("columns", recipe.on(["word"]))
        .transform();
}

#[test]
fn calendars_and_cycles() {
    let since = TimeSince::new(Since::Instant(1_000_000_000));
    Contract::new("TimeSince", since).features(Features::Times).transform();
    let parts = CalendarEncoder::new();
    Contract::new("CalendarEncoder", parts.clone())
        .features(Features::Times)
        .bad("parts", parts.clone().parts([]))
        .bad("parts", parts.parts([CalendarPart::Hour, CalendarPart::Day, CalendarPart::Hour]))
        .transform();
    let hours = CyclicalEncoder::new(Period::Of(24.0));
    Contract::new("CyclicalEncoder", hours)
        .bad("period", CyclicalEncoder::new(Period::Of(0.0)))
        .bad("period", CyclicalEncoder::new(Period::Of(f64::NAN)))
        .transform();
    let months = CyclicalEncoder::new(Period::Month);
    Contract::new("CyclicalEncoder of a month", months).features(Features::Times).transform();
}

#[test]
fn hashes_and_waves() {
    let hashes = MinHashEncoder::new().components(5);
    Contract::new("MinHashEncoder", hashes)
        .features(Features::Text)
        .bad("components", hashes.components(0))
        .bad("components", hashes.components(4_097))
        .bad("n_grams", hashes.analyzer(Analyzer::new().n_grams(2, 1)))
        .transform();
    let places = PositionEncoder::new();
    Contract::new("PositionEncoder", places)
        .bad("dimensions", places.dimensions(3))
        .bad("dimensions", places.dimensions(0))
        .bad("base", places.base(1.0))
        .bad("base", places.base(f64::INFINITY))
        .transform();
    let kernel = |gamma| FourierFeatures::new(Waves::Kernel { gamma }).components(7);
    let gaussian = |sigma| FourierFeatures::new(Waves::Gaussian { sigma }).components(6).name("of");
    Contract::new("FourierFeatures", kernel(0.5))
        .bad("gamma", kernel(0.0))
        .bad("sigma", gaussian(f64::NAN))
        .bad("components", kernel(1.0).components(0))
        .bad("components", gaussian(1.0).components(7))
        .transform();
    Contract::new("FourierFeatures, Gaussian", gaussian(0.1)).transform();
    let by_angle = |bands, rows| LshEncoder::new(LshFamily::Angle(SimHash::new(bands, rows)));
    let by_distance = |width| LshEncoder::new(LshFamily::Distance(PStableHash::new(2, 3, width)));
    Contract::new("LshEncoder", by_angle(3, 4))
        .bad("bands", by_angle(0, 4))
        .bad("rows", by_angle(4, 0))
        .bad("hash", by_angle(1 << 20, 1))
        .bad("width", by_distance(0.0))
        .transform();
    Contract::new("LshEncoder by distance", by_distance(4.0).name("near")).transform();
}

#[test]
fn streams() {
    let batch = table::mixed(140_003, true);
    let roles = [("label", Role::Target), ("weight", Role::Weight)];
    streamed_fit("StandardScaler", &StandardScaler::new(), &batch, &roles);
    streamed_fit("FourierFeatures", &FourierFeatures::new(Waves::Kernel { gamma: 1.0 }), &batch, &roles);
    streamed_fit("LshEncoder", &LshEncoder::new(LshFamily::Angle(SimHash::new(2, 2))), &batch, &roles);
    streamed_fit("MinHashEncoder", &MinHashEncoder::new(), &batch, &roles);
    streamed_fit("PositionEncoder", &PositionEncoder::new(), &batch, &roles);
    streamed_fit("MinMaxScaler", &MinMaxScaler::new(), &batch, &roles);
    streamed_fit("MaxAbsScaler", &MaxAbsScaler::new(), &batch, &roles);
    streamed_fit("RobustScaler", &RobustScaler::new(), &batch, &roles);
    streamed_fit("QuantileTransformer", &QuantileTransformer::new(), &batch, &roles);
    streamed_fit("Binner", &Binner::new(), &batch, &roles);
    streamed_fit("Binner", &Binner::new().by(BinBy::EqualWidth), &batch, &roles);
    streamed_fit("Winsorizer", &Winsorizer::new().by(CapBy::Mad(1.0)), &batch, &roles);
    streamed_fit("Winsorizer", &Winsorizer::new().by(CapBy::Gaussian(1.0)), &batch, &roles);
    streamed_fit("Normalizer", &Normalizer::new(), &batch, &roles);
    streamed_fit("PowerTransformer", &PowerTransformer::new(), &batch, &roles);
    streamed_fit("OrdinalEncoder", &OrdinalEncoder::new(), &batch, &roles);
    streamed_fit("BinaryEncoder", &BinaryEncoder::new(), &batch, &roles);
    streamed_fit("CalendarEncoder", &CalendarEncoder::new(), &batch, &roles);
    streamed_fit("CyclicalEncoder", &CyclicalEncoder::new(Period::Of(7.0)), &batch, &roles);
    streamed_fit("PolynomialFeatures", &PolynomialFeatures::new(), &batch, &roles);
    streamed_fit("RareGrouper", &RareGrouper::new(), &batch, &roles);
    streamed_fit("SplineTransformer", &SplineTransformer::new(), &batch, &roles);
    let crosses = CategoryCross::new([["word", "flag"]]).kept(Kept::Frequent(MinFrequency::Count(9)));
    streamed_fit("CategoryCross", &crosses, &batch, &roles);
    streamed_fit("TimeSince", &TimeSince::new(Since::Instant(0)), &batch, &roles);
    streamed_fit("ContrastEncoder", &ContrastEncoder::new(Contrast::Helmert), &batch, &roles);
    streamed_fit("CountEncoder", &CountEncoder::new(), &batch, &roles);
    streamed_fit("CountVectorizer", &CountVectorizer::new(), &batch, &roles);
    streamed_fit("FeatureHasher", &FeatureHasher::new(), &batch, &roles);
    streamed_fit("HashingVectorizer", &HashingVectorizer::new(), &batch, &roles);
    streamed_fit("TfidfVectorizer", &TfidfVectorizer::new(), &batch, &roles);
    streamed_fit("OneHotEncoder", &OneHotEncoder::new(), &batch, &roles);
}
