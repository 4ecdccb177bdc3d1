package access

import (
	"context"
	"encoding/json"
	"iter"

	"radagora/db"
)

// A Person is a patient as a site knows them: by an identifier, not by a name.
type Person struct {
	Site string
	ID   string
}

// A Record is something a room keeps about a person.
type Record struct {
	Room string          // folder of the room, such as "dose"
	Kind string          // what it is, such as "examination"
	ID   string          // which one
	Data json.RawMessage // all of it, readable
}

// A Holder is a room that keeps personal data. Every such room is one, so that a
// person's rights are met in one place (GDPR Art. 15, 17, 18).
type Holder interface {
	// Export yields everything kept about the person.
	Export(ctx context.Context, p Person) iter.Seq2[Record, error]
	// Erase removes it for good within tx and returns how many records it was. What
	// the law wants kept stays and is not counted.
	Erase(ctx context.Context, tx *db.Tx, p Person) (int, error)
	// Restrict hides it from everything but storage, or shows it again.
	Restrict(ctx context.Context, tx *db.Tx, p Person, hidden bool) error
}
