// Package replay says the client's side of a recorded session again: the same
// bytes in the same order, each when the server's answers have come that the
// client had when it said it. What a recording does not hold, the secrets of a
// login, comes from Credentials.
//
// A Script is what there is to say; it is made, and found wanting, before
// anything is said. Play says it to whoever is at the other end of a connection.
package replay
