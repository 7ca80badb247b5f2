//! Every encoder keeps the contract, and fits from a stream to the same bytes.

use mlsys_core::{Fit, Role};
use mlsys_encoding::{
    BinBy, BinOutput, Binner, CapBy, Center, Log, LogTransformer, MaxAbsScaler, MdlpBinner, MinMaxScaler,
    MissingAs, MissingBin, Monotone, Norm, Normalizer, OneHotEncoder, OrdinalEncoder, OutputDistribution,
    PowerMethod, PowerTransformer, QuantileRule, QuantileTransformer, RobustScaler, Scale, StandardScaler,
    Tails, Unseen, UnseenCode, Winsorizer, WoeBinner,
};
use mlsys_stats::Quantiles;
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
    Contract::new("MdlpBinner", MdlpBinner::new()).transform();
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
fn streams() {
    let batch = table::mixed(140_003, true);
    let roles = [("label", Role::Target), ("weight", Role::Weight)];
    streamed_fit("StandardScaler", &StandardScaler::new(), &batch, &roles);
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
    streamed_fit("OneHotEncoder", &OneHotEncoder::new(), &batch, &roles);
}
