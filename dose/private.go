package dose

import (
	"fmt"
	"io"
	"log/slog"
	"unique"
)

// A Private is a text that leads to a person: a name, a patient ID, an accession
// number. Printed or logged any way at all it is [private]; equal texts compare
// equal. The zero value is no text.
type Private struct{ h unique.Handle[string] }

// Hide returns text as a Private.
func Hide(text string) Private {
	if text == "" {
		return Private{}
	}
	return Private{unique.Make(text)}
}

// Format prints [private], whatever the verb.
func (Private) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "[private]") }

// LogValue logs [private].
func (Private) LogValue() slog.Value { return slog.StringValue("[private]") }

// MarshalText writes [private], or nothing if there is no text.
func (p Private) MarshalText() ([]byte, error) {
	if p.IsZero() {
		return nil, nil
	}
	return []byte("[private]"), nil
}

// IsZero reports whether there is no text.
func (p Private) IsZero() bool { return p == Private{} }

// Reveal returns the text. Whoever calls it shows patient data.
func (p Private) Reveal() string {
	if p.IsZero() {
		return "" // a zero Handle has no value to give
	}
	return p.h.Value()
}
