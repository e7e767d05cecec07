//! Recipes over toy stages.
