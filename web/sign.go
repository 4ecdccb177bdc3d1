package web

// Sign is what the pages of signing in ask of the room that knows accounts.
type Sign interface{}
