package expect

// Words are for tests of the texts.
var Words = words
