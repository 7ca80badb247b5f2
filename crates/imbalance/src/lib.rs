#![doc = include_str!("../README.md")]

mod adasyn;
mod all_knn;
mod blend;
mod borderline_smote;
mod class_sizes;
mod coordinates;
mod draws;
mod edited_nearest_neighbours;
mod editor;
mod labelled;
mod near_miss;
mod neighbourhood_cleaning_rule;
mod pairs;
mod plan;
mod random_over_sampler;
mod random_under_sampler;
mod repeated_edited_nearest_neighbours;
mod smote;
mod strategy;
mod tomek_links;

pub use adasyn::Adasyn;
pub use all_knn::AllKnn;
pub use borderline_smote::{BorderlineSmote, BorderlineVersion};
pub use class_sizes::ClassSizes;
pub use edited_nearest_neighbours::{EditedNearestNeighbours, NeighborVote};
pub use near_miss::{NearMiss, NearMissVersion};
pub use neighbourhood_cleaning_rule::NeighbourhoodCleaningRule;
pub use plan::{Origin, Plan, PlanResample, Synthetic};
pub use random_over_sampler::RandomOverSampler;
pub use random_under_sampler::RandomUnderSampler;
pub use repeated_edited_nearest_neighbours::RepeatedEditedNearestNeighbours;
pub use smote::{Smote, SmoteBases};
pub use strategy::Strategy;
pub use tomek_links::TomekLinks;
