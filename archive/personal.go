package archive

import (
	"fmt"
	"io"
	"log/slog"
	"unique"
)

// Personal is text that leads to a person. Printed, logged or encoded in any way
// it is [personal]; Reveal shows it. Its zero value is "".
type Personal struct{ h unique.Handle[string] }

// Conceal makes a Personal of s.
func Conceal(s string) Personal {
	if s == "" {
		return Personal{}
	}
	return Personal{unique.Make(s)}
}

// Reveal returns the text.
func (p Personal) Reveal() string {
	if p == (Personal{}) {
		return "" // a zero Handle has no value to give
	}
	return p.h.Value()
}

// Format implements fmt.Formatter.
func (Personal) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "[personal]") }

// LogValue implements slog.LogValuer.
func (Personal) LogValue() slog.Value { return slog.StringValue("[personal]") }

// MarshalText implements encoding.TextMarshaler.
func (Personal) MarshalText() ([]byte, error) { return []byte("[personal]"), nil }

// Scan implements sql.Scanner.
func (p *Personal) Scan(src any) error {
	switch s := src.(type) {
	case string:
		*p = Conceal(s)
	case []byte:
		*p = Conceal(string(s))
	case nil:
		*p = Personal{}
	default:
		return fmt.Errorf("scan %T into a text", src)
	}
	return nil
}
