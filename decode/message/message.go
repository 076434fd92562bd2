// Package message reads mail messages when somebody looks at them: header
// fields with their encoded-words and parameters in readable form, the tree of
// MIME parts, and the parts' content.
//
// It is for showing a message, not for accepting one. What is malformed is read
// the way mail readers read it and reported as a [Problem]; nothing is
// repaired in silence, and nothing fails because of what a message holds.
//
// Every function takes time and memory in proportion to what it is given,
// within [Limits], whatever the bytes are: messages come from anywhere, and
// nesting and part counts make most MIME libraries quadratic. The package does
// no I/O beyond the readers it is given; to cancel, let the reader fail.
//
// Strings that it returns are bytes or text as the sender meant them. They are
// made visible (decode/visible) where they are shown.
package message
