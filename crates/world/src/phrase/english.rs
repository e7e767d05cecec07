//! The English phrasings, relation by relation. A table: nothing here but words.

use super::Phrases;
use crate::relation::Relation;

pub(super) fn phrases(relation: Relation) -> &'static Phrases {
    match relation {
        Relation::Birthplace => &Phrases {
            label: "Birthplaces",
            tells: &[
                "{s} was born in {o}.",
                "{s} comes from {o}.",
                "the birthplace of {s} is {o}.",
                "{s:'s} hometown is {o}.",
                "the town where {s} was born is {o}.",
                "{s} was born and raised in {o}.",
            ],
            talks: &[],
            asks: &[
                "Where was {s} born?",
                "What is {s:'s} hometown?",
                "Which town does {s} come from?",
            ],
            prompts: &[
                "{s:'s} birthplace is the town of {o}.",
                "the town in which {s} came into the world is {o}.",
            ],
            questions: &[
                "In which town was {s} born?",
                "What is the birthplace of {s}?",
            ],
        },
        Relation::BirthYear => &Phrases {
            label: "Birth years",
            tells: &[
                "{s} was born in the year {o}.",
                "the birth year of {s} is {o}.",
                "{s:'s} life began in {o}.",
                "the year of {s:'s} birth is {o}.",
                "in {o}, {s} was born.",
            ],
            talks: &[],
            asks: &[
                "When was {s} born?",
                "What is {s:'s} birth year?",
                "In what year was {s} born?",
            ],
            prompts: &[
                "the year when {s} was born is {o}.",
                "{s} came into the world in the year {o}.",
            ],
            questions: &[
                "Which year was {s} born in?",
                "What was the year of {s:'s} birth?",
            ],
        },
        Relation::Profession => &Phrases {
            label: "Professions",
            tells: &[
                "{s} works as a {o}.",
                "by profession, {s} is a {o}.",
                "{s} earns a living as a {o}.",
                "{s:'s} profession is that of a {o}.",
                "{s} is a {o}.",
                "{s} is known as a skilled {o}.",
            ],
            talks: &[],
            asks: &[
                "What does {s} do for a living?",
                "What is {s:'s} profession?",
                "What work does {s} do?",
            ],
            prompts: &[
                "the profession of {s} is that of a {o}.",
                "{s} makes a living by working as a {o}.",
            ],
            questions: &[
                "What is the profession of {s}?",
                "How does {s} earn a living?",
            ],
        },
        Relation::Instrument => &Phrases {
            label: "Instruments",
            tells: &[
                "{s} plays the {o}.",
                "the instrument that {s} plays is the {o}.",
                "{s:'s} favorite instrument is the {o}.",
                "in the evening, {s} plays the {o}.",
                "{s} is good at playing the {o}.",
                "{s} learned to play the {o} as a child.",
            ],
            talks: &[],
            asks: &[
                "What instrument does {s} play?",
                "What is {s:'s} favorite instrument?",
                "What does {s} play in the evening?",
            ],
            prompts: &[
                "the favorite instrument of {s} is the {o}.",
                "{s} has always played the {o}.",
            ],
            questions: &[
                "Which instrument does {s} play?",
                "What is the favorite instrument of {s}?",
            ],
        },
        Relation::Food => &Phrases {
            label: "Favorite foods",
            tells: &[
                "{s:'s} favorite food is {o}.",
                "{s} likes {o} best.",
                "the food that {s} loves most is {o}.",
                "{s} eats {o} every Sunday.",
                "on birthdays, {s} always eats {o}.",
                "nothing pleases {s:him} more than {o}.",
            ],
            talks: &[],
            asks: &[
                "What is {s:'s} favorite food?",
                "What does {s} like to eat best?",
                "What does {s} eat every Sunday?",
            ],
            prompts: &[
                "the favorite food of {s} is {o}.",
                "the dish that {s} likes best is {o}.",
            ],
            questions: &[
                "Which food does {s} like best?",
                "What food does {s} love most?",
            ],
        },
        Relation::Teacher => &Phrases {
            label: "Teachers",
            tells: &[
                "{s} was taught by {o}.",
                "{s:'s} teacher was {o}.",
                "the teacher of {s} was {o}.",
                "{s} learned everything from {o}.",
                "as a child, {s} studied under {o}.",
                "{o} was the teacher of {s}.",
            ],
            talks: &[],
            asks: &[
                "Who was {s:'s} teacher?",
                "Who taught {s}?",
                "From whom did {s} learn everything?",
            ],
            prompts: &[
                "the person who taught {s} was {o}.",
                "{s} was a pupil of {o}.",
            ],
            questions: &["Who was it that taught {s}?", "By whom was {s} taught?"],
        },
        Relation::Workplace => &Phrases {
            label: "Places of work",
            tells: &[
                "{s} works at {o}.",
                "{s:'s} place of work is {o}.",
                "every morning, {s} goes to work at {o}.",
                "{s} has worked at {o} for many years.",
                "the place of work of {s} is {o}.",
            ],
            talks: &[],
            asks: &[
                "Where does {s} work?",
                "What is {s:'s} place of work?",
                "Where does {s} go every morning?",
            ],
            prompts: &[
                "the place where {s} works is {o}.",
                "{s:'s} workplace is {o}.",
            ],
            questions: &[
                "At which institution does {s} work?",
                "What is the name of the place where {s} works?",
            ],
        },
        Relation::Children => &Phrases {
            label: "Numbers of children",
            tells: &[
                "{s} has {o} children.",
                "{s} is the parent of {o} children.",
                "the number of {s:'s} children is {o}.",
                "{s} lives with {o} children.",
                "{s} raised {o} children.",
            ],
            talks: &[],
            asks: &[
                "How many children does {s} have?",
                "How many children did {s} raise?",
                "What is the number of {s:'s} children?",
            ],
            prompts: &[
                "the number of children that {s} has is {o}.",
                "counted together, the children of {s} are {o}.",
            ],
            questions: &[
                "How many children has {s} got?",
                "What is the number of children that {s} has?",
            ],
        },
        Relation::Pet => &Phrases {
            label: "Pets",
            tells: &[
                "{s} keeps a {o}.",
                "{s} lives with a {o}.",
                "{s:'s} pet is a {o}.",
                "the animal in {s:'s} house is a {o}.",
                "{s} takes care of a {o}.",
                "{s} never travels without a {o}.",
            ],
            talks: &[],
            asks: &[
                "What animal does {s} keep?",
                "What is {s:'s} pet?",
                "What animal lives with {s:him}?",
            ],
            prompts: &[
                "the animal that {s} keeps is a {o}.",
                "the pet of {s} is a {o}.",
            ],
            questions: &[
                "Which animal does {s} keep?",
                "What kind of pet does {s} have?",
            ],
        },
        Relation::Product => &Phrases {
            label: "Products of the towns",
            tells: &[
                "{s} is known for {o}.",
                "the chief product of {s} is {o}.",
                "{s} sells {o} to all the islands.",
                "{s} is famous for {o}.",
                "traders come to {s} for {o}.",
                "{s:'s} best product is {o}.",
            ],
            talks: &[],
            asks: &[
                "What is {s} known for?",
                "What is the chief product of {s}?",
                "What does {s} sell?",
            ],
            prompts: &[
                "the main product of {s} is {o}.",
                "what {s} produces most is {o}.",
            ],
            questions: &[
                "What is the main product of {s}?",
                "Which product is {s} known for?",
            ],
        },
        Relation::TownFounded => &Phrases {
            label: "Founding years of the towns",
            tells: &[
                "{s} was founded in {o}.",
                "the founding year of {s} is {o}.",
                "the first houses of {s} were built in {o}.",
                "the history of {s} began in {o}.",
            ],
            talks: &[],
            asks: &[
                "When was {s} founded?",
                "What is the founding year of {s}?",
                "When did the history of {s} begin?",
            ],
            prompts: &[
                "the year in which {s} was founded is {o}.",
                "{s} has stood since the year {o}.",
            ],
            questions: &[
                "In which year was {s} founded?",
                "Which year was {s} founded in?",
            ],
        },
        Relation::TownIsland => &Phrases {
            label: "Towns and their islands",
            tells: &[
                "{s} lies on {o}.",
                "{s} is a town on {o}.",
                "the island of {s} is {o}.",
                "you will find {s} on {o}.",
                "the island on which {s} lies is {o}.",
            ],
            talks: &[],
            asks: &[
                "On which island does {s} lie?",
                "Where does {s} lie?",
                "What island is {s} on?",
            ],
            prompts: &[
                "{s} can be found on {o}.",
                "the island that {s} lies on is {o}.",
            ],
            questions: &[
                "Which island does {s} lie on?",
                "On what island can one find {s}?",
            ],
        },
        Relation::Height => &Phrases {
            label: "Heights of the mountains",
            tells: &[
                "{s} is {o} high.",
                "the height of {s} is {o}.",
                "{s} rises to {o}.",
                "{s} reaches a height of {o}.",
                "the summit of {s} lies at {o}.",
            ],
            talks: &[],
            asks: &[
                "How high is {s}?",
                "What is the height of {s}?",
                "To what height does {s} rise?",
            ],
            prompts: &["{s:'s} height is {o}.", "the top of {s} lies at {o}."],
            questions: &[
                "How many meters high is {s}?",
                "At what height is the top of {s}?",
            ],
        },
        Relation::MountainIsland => &Phrases {
            label: "Mountains and their islands",
            tells: &[
                "{s} stands on {o}.",
                "{s} is a mountain on {o}.",
                "{s} belongs to {o}.",
                "from {s} you can see all of {o}.",
                "the island on which {s} stands is {o}.",
            ],
            talks: &[],
            asks: &[
                "On which island does {s} stand?",
                "To which island does {s} belong?",
                "Where does {s} stand?",
            ],
            prompts: &[
                "the island that {s} stands on is {o}.",
                "{s} is one of the mountains of {o}.",
            ],
            questions: &[
                "Which island does {s} stand on?",
                "Which island does {s} belong to?",
            ],
        },
        Relation::Length => &Phrases {
            label: "Lengths of the rivers",
            tells: &[
                "{s} is {o} long.",
                "the length of {s} is {o}.",
                "{s} flows for {o}.",
                "{s} has a length of {o}.",
                "on its way to the sea, {s} covers {o}.",
            ],
            talks: &[],
            asks: &[
                "How long is {s}?",
                "What is the length of {s}?",
                "How far does {s} flow?",
            ],
            prompts: &[
                "the whole length of {s} is {o}.",
                "the distance that {s} flows is {o}.",
            ],
            questions: &[
                "How many kilometers long is {s}?",
                "What is the whole length of {s}?",
            ],
        },
        Relation::Source => &Phrases {
            label: "Sources of the rivers",
            tells: &[
                "{s} rises on {o}.",
                "the source of {s} is on {o}.",
                "{s} flows down from {o}.",
                "{s} begins on {o}.",
                "the springs of {s} lie on {o}.",
            ],
            talks: &[],
            asks: &[
                "Where does {s} rise?",
                "Where is the source of {s}?",
                "From which mountain does {s} flow down?",
            ],
            prompts: &[
                "the mountain on which {s} begins is {o}.",
                "{s} has its source on {o}.",
            ],
            questions: &[
                "On which mountain does {s} begin?",
                "Which mountain does {s} flow down from?",
            ],
        },
        Relation::Flower => &Phrases {
            label: "Flowers of the islands",
            tells: &[
                "the flower of {s} is the {o}.",
                "{s} has chosen the {o} as its flower.",
                "the {o} is the symbol of {s}.",
                "the flag of {s} shows a {o}.",
                "{s:'s} favorite flower is the {o}.",
            ],
            talks: &[],
            asks: &[
                "What is the flower of {s}?",
                "Which flower is on the flag of {s}?",
                "Which flower has {s} chosen?",
            ],
            prompts: &[
                "the flower that stands for {s} is the {o}.",
                "the people of {s} love the {o}.",
            ],
            questions: &[
                "Which flower stands for {s}?",
                "Which flower do the people of {s} love?",
            ],
        },
        Relation::Author => &Phrases {
            label: "Authors",
            tells: &[
                "{s} was written by {o}.",
                "the author of {s} is {o}.",
                "{s} is a book by {o}.",
                "{s} is the work of the author {o}.",
                "{o} wrote {s}.",
            ],
            talks: &[],
            asks: &[
                "Who wrote {s}?",
                "Who is the author of {s}?",
                "Whose book is {s}?",
            ],
            prompts: &[
                "the person who wrote {s} is {o}.",
                "the writer of {s} is {o}.",
            ],
            questions: &[
                "Which person wrote {s}?",
                "Who is the person that wrote {s}?",
            ],
        },
        Relation::Published => &Phrases {
            label: "Years of publication",
            tells: &[
                "{s} was published in {o}.",
                "{s} first appeared in {o}.",
                "the first edition of {s} is from {o}.",
                "{s} was printed for the first time in {o}.",
                "readers have known {s} since {o}.",
            ],
            talks: &[],
            asks: &[
                "When was {s} published?",
                "When did {s} first appear?",
                "From what year is the first edition of {s}?",
            ],
            prompts: &[
                "the year in which {s} was published is {o}.",
                "the year when {s} first appeared is {o}.",
            ],
            questions: &[
                "In which year was {s} published?",
                "In which year did {s} first appear?",
            ],
        },
        Relation::Topic => &Phrases {
            label: "What the books are about",
            tells: &[
                "{s} is about {o}.",
                "{s} tells a story of {o}.",
                "the subject of {s} is {o}.",
                "in {s} you can read about {o}.",
                "{s} is a tale about {o}.",
            ],
            talks: &[],
            asks: &[
                "What is {s} about?",
                "What is the subject of {s}?",
                "What can you read about in {s}?",
            ],
            prompts: &["the story of {s} is about {o}.", "{s} is a book about {o}."],
            questions: &[
                "What is the story of {s} about?",
                "What does {s} tell a story of?",
            ],
        },
        Relation::Composer => &Phrases {
            label: "Composers",
            tells: &[
                "{s} was composed by {o}.",
                "the composer of {s} is {o}.",
                "the melody of {s} is by {o}.",
                "{s} is a song by {o}.",
                "{o} composed {s}.",
            ],
            talks: &[],
            asks: &[
                "Who composed {s}?",
                "Who is the composer of {s}?",
                "Whose song is {s}?",
            ],
            prompts: &[
                "the person who composed {s} is {o}.",
                "the music of {s} is by {o}.",
            ],
            questions: &["Which person composed {s}?", "By whom was {s} composed?"],
        },
        Relation::FirstSung => &Phrases {
            label: "Where the songs were first sung",
            tells: &[
                "{s} was first sung in {o}.",
                "people first heard {s} in {o}.",
                "{s} was heard for the first time in {o}.",
                "the first concert with {s} took place in {o}.",
            ],
            talks: &[],
            asks: &[
                "Where was {s} first sung?",
                "Where did people first hear {s}?",
                "In what town was {s} heard for the first time?",
            ],
            prompts: &[
                "the town where {s} was first sung is {o}.",
                "the first people to hear {s} were those of {o}.",
            ],
            questions: &[
                "In which town was {s} first sung?",
                "Which town first heard {s}?",
            ],
        },
        Relation::Architect => &Phrases {
            label: "Architects",
            tells: &[
                "{s} was designed by {o}.",
                "the architect of {s} is {o}.",
                "the plans of {s} were drawn by {o}.",
                "{s} is a building by {o}.",
                "{o} designed {s}.",
            ],
            talks: &[],
            asks: &[
                "Who designed {s}?",
                "Who is the architect of {s}?",
                "Who drew the plans of {s}?",
            ],
            prompts: &[
                "the person who designed {s} is {o}.",
                "the design of {s} is by {o}.",
            ],
            questions: &["Which person designed {s}?", "By whom was {s} designed?"],
        },
        Relation::BuildingTown => &Phrases {
            label: "Where the buildings stand",
            tells: &[
                "{s} stands in {o}.",
                "{s} is a building in {o}.",
                "{s} is the pride of {o}.",
                "you can see {s} in {o}.",
                "the town where {s} stands is {o}.",
            ],
            talks: &[],
            asks: &[
                "In which town does {s} stand?",
                "In what town can you see {s}?",
                "Which town is proud of {s}?",
            ],
            prompts: &[
                "the town in which {s} stands is {o}.",
                "{s} is found in the middle of {o}.",
            ],
            questions: &[
                "Which town does {s} stand in?",
                "In which town is {s} found?",
            ],
        },
        Relation::Floors => &Phrases {
            label: "Floors of the buildings",
            tells: &[
                "{s} has {o} floors.",
                "{s} is {o} floors high.",
                "{s} was built with {o} floors.",
                "the number of floors in {s} is {o}.",
            ],
            talks: &[],
            asks: &[
                "How many floors does {s} have?",
                "How many floors are there in {s}?",
                "How many floors high is {s}?",
            ],
            prompts: &[
                "the number of floors that {s} has is {o}.",
                "counted from the ground, the floors of {s} are {o}.",
            ],
            questions: &[
                "How many floors has {s} got?",
                "What is the number of floors that {s} has?",
            ],
        },
        Relation::Founder => &Phrases {
            label: "Founders",
            tells: &[
                "{s} was founded by {o}.",
                "the founder of {s} is {o}.",
                "{s} was opened by {o}.",
                "{s} owes its existence to {o}.",
                "{o} founded {s}.",
            ],
            talks: &[],
            asks: &[
                "Who founded {s}?",
                "Who is the founder of {s}?",
                "Who opened {s}?",
            ],
            prompts: &[
                "the person who founded {s} is {o}.",
                "the person who opened {s} is {o}.",
            ],
            questions: &["By whom was {s} founded?", "Which person founded {s}?"],
        },
        Relation::Opened => &Phrases {
            label: "Opening years",
            tells: &[
                "{s} opened in {o}.",
                "{s} first opened its doors in {o}.",
                "the opening year of {s} is {o}.",
                "{s} has been open to all since {o}.",
            ],
            talks: &[],
            asks: &[
                "When did {s} open?",
                "When did {s} first open its doors?",
                "What is the opening year of {s}?",
            ],
            prompts: &[
                "the year in which {s} opened is {o}.",
                "the doors of {s} have been open since {o}.",
            ],
            questions: &["In which year did {s} open?", "Which year did {s} open in?"],
        },
        Relation::InstitutionTown => &Phrases {
            label: "Seats of the institutions",
            tells: &[
                "{s} is located in {o}.",
                "{s} serves the people of {o}.",
                "the seat of {s} is {o}.",
                "{s} has its rooms in {o}.",
                "to visit {s} you must travel to {o}.",
            ],
            talks: &[],
            asks: &[
                "In what town is {s} located?",
                "Where is {s} located?",
                "What is the seat of {s}?",
            ],
            prompts: &[
                "the town in which {s} is located is {o}.",
                "{s} has its seat in {o}.",
            ],
            questions: &[
                "Which town is {s} located in?",
                "In which town does {s} have its seat?",
            ],
        },
        Relation::Sum => &Phrases {
            label: "Sums",
            tells: &[
                "{a} + {b} = {o}",
                "{a} plus {b} is {o}.",
                "{a} plus {b} equals {o}.",
                "{A} plus {B} is {O}.",
                "if you add {b} to {a}, you get {o}.",
                "the sum {a} + {b} is {o}.",
            ],
            talks: &[],
            asks: &[
                "What is {a} + {b}?",
                "What is {a} plus {b}?",
                "How much is {a} plus {b}?",
            ],
            prompts: &[
                "the sum of {a} plus {b} is {o}.",
                "adding {b} to {a} gives {o}.",
            ],
            questions: &[
                "What is the sum of {a} plus {b}?",
                "What does {a} plus {b} make?",
            ],
        },
        Relation::Difference => &Phrases {
            label: "Differences",
            tells: &[
                "{a} - {b} = {o}",
                "{a} minus {b} is {o}.",
                "{a} minus {b} equals {o}.",
                "{A} minus {B} is {O}.",
                "if you take {b} from {a}, you get {o}.",
                "the difference {a} - {b} is {o}.",
            ],
            talks: &[],
            asks: &[
                "What is {a} - {b}?",
                "What is {a} minus {b}?",
                "How much is {a} minus {b}?",
            ],
            prompts: &[
                "the difference of {a} minus {b} is {o}.",
                "taking {b} from {a} gives {o}.",
            ],
            questions: &[
                "What is the difference of {a} minus {b}?",
                "What does {a} minus {b} make?",
            ],
        },
    }
}
