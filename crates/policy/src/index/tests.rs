mod anything;
mod corpus;
mod random;
