//! The relations of the world: what they are about, and what their objects are.

use serde::{Deserialize, Serialize};

/// What a fact says of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The town a person was born in.
    Birthplace,
    /// The year a person was born.
    BirthYear,
    /// A person's profession.
    Profession,
    /// The instrument a person plays.
    Instrument,
    /// A person's favourite food.
    Food,
    /// The teacher of a person.
    Teacher,
    /// The institution a person works at.
    Workplace,
    /// How many children a person has.
    Children,
    /// The animal a person keeps.
    Pet,
    /// The chief product of a town.
    Product,
    /// The year a town was founded.
    TownFounded,
    /// The island a town lies on.
    TownIsland,
    /// The height of a mountain in metres.
    Height,
    /// The island a mountain stands on.
    MountainIsland,
    /// The length of a river in kilometres.
    Length,
    /// The mountain a river rises on.
    Source,
    /// The flower that stands for an island.
    Flower,
    /// The person who wrote a book.
    Author,
    /// The year a book was published.
    Published,
    /// What a book is about.
    Topic,
    /// The person who composed a song.
    Composer,
    /// The town where a song was first sung.
    FirstSung,
    /// The person who designed a building.
    Architect,
    /// The town a building stands in.
    BuildingTown,
    /// The number of floors of a building.
    Floors,
    /// The person who founded an institution.
    Founder,
    /// The year an institution opened.
    Opened,
    /// The town an institution is in.
    InstitutionTown,
    /// The sum of two small numbers.
    Sum,
    /// The difference of two small numbers.
    Difference,
}

/// What a thing of the world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Person,
    Town,
    Island,
    Mountain,
    River,
    Book,
    Song,
    Building,
    Institution,
}

/// What the objects of a relation are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objects {
    /// Things of the world.
    Things(Class),
    /// People of whom nothing else is told.
    Elders,
    /// Words of a table in `word.rs`.
    Words,
    /// Years between the two.
    Years(u32, u32),
    /// Metres, in tens.
    Metres,
    /// Kilometres, in fives.
    Kilometres,
    /// A small number from two up, counted as people are.
    People,
    /// A small number from two up, counted as floors are.
    Floors,
    /// Numbers that follow from the subject.
    Numbers,
}

impl Relation {
    /// All, in the order in which facts are numbered.
    pub const ALL: [Relation; 30] = [
        Relation::Birthplace,
        Relation::BirthYear,
        Relation::Profession,
        Relation::Instrument,
        Relation::Food,
        Relation::Teacher,
        Relation::Workplace,
        Relation::Children,
        Relation::Pet,
        Relation::Product,
        Relation::TownFounded,
        Relation::TownIsland,
        Relation::Height,
        Relation::MountainIsland,
        Relation::Length,
        Relation::Source,
        Relation::Flower,
        Relation::Author,
        Relation::Published,
        Relation::Topic,
        Relation::Composer,
        Relation::FirstSung,
        Relation::Architect,
        Relation::BuildingTown,
        Relation::Floors,
        Relation::Founder,
        Relation::Opened,
        Relation::InstitutionTown,
        Relation::Sum,
        Relation::Difference,
    ];

    /// Its name in JSON, such as `birth_year`.
    pub fn code(self) -> &'static str {
        match self {
            Relation::Birthplace => "birthplace",
            Relation::BirthYear => "birth_year",
            Relation::Profession => "profession",
            Relation::Instrument => "instrument",
            Relation::Food => "food",
            Relation::Teacher => "teacher",
            Relation::Workplace => "workplace",
            Relation::Children => "children",
            Relation::Pet => "pet",
            Relation::Product => "product",
            Relation::TownFounded => "town_founded",
            Relation::TownIsland => "town_island",
            Relation::Height => "height",
            Relation::MountainIsland => "mountain_island",
            Relation::Length => "length",
            Relation::Source => "source",
            Relation::Flower => "flower",
            Relation::Author => "author",
            Relation::Published => "published",
            Relation::Topic => "topic",
            Relation::Composer => "composer",
            Relation::FirstSung => "first_sung",
            Relation::Architect => "architect",
            Relation::BuildingTown => "building_town",
            Relation::Floors => "floors",
            Relation::Founder => "founder",
            Relation::Opened => "opened",
            Relation::InstitutionTown => "institution_town",
            Relation::Sum => "sum",
            Relation::Difference => "difference",
        }
    }

    /// Whether it is worked out rather than known.
    pub fn is_arithmetic(self) -> bool {
        matches!(self, Relation::Sum | Relation::Difference)
    }

    /// What its subjects are; none for arithmetic.
    pub(crate) fn subjects(self) -> Option<Class> {
        use Relation::*;
        Some(match self {
            Birthplace | BirthYear | Profession | Instrument | Food | Teacher | Workplace
            | Children | Pet => Class::Person,
            Product | TownFounded | TownIsland => Class::Town,
            Height | MountainIsland => Class::Mountain,
            Length | Source => Class::River,
            Flower => Class::Island,
            Author | Published | Topic => Class::Book,
            Composer | FirstSung => Class::Song,
            Architect | BuildingTown | Floors => Class::Building,
            Founder | Opened | InstitutionTown => Class::Institution,
            Sum | Difference => return None,
        })
    }

    pub(crate) fn objects(self) -> Objects {
        use Relation::*;
        match self {
            Birthplace | FirstSung | BuildingTown | InstitutionTown => Objects::Things(Class::Town),
            TownIsland | MountainIsland => Objects::Things(Class::Island),
            Workplace => Objects::Things(Class::Institution),
            Source => Objects::Things(Class::Mountain),
            Author | Composer | Architect | Founder => Objects::Things(Class::Person),
            Teacher => Objects::Elders,
            Profession | Instrument | Food | Pet | Product | Flower | Topic => Objects::Words,
            TownFounded => Objects::Years(1500, 1699),
            Opened => Objects::Years(1700, 1799),
            BirthYear => Objects::Years(1840, 1879),
            Published => Objects::Years(1900, 1939),
            Height => Objects::Metres,
            Length => Objects::Kilometres,
            Children => Objects::People,
            Floors => Objects::Floors,
            Sum | Difference => Objects::Numbers,
        }
    }
}
