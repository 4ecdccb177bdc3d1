package worklist

import (
	"fmt"
	"io"
	"log/slog"
)

// concealed is what personal data look like when they are printed or logged.
const concealed = "[personal]"

func hidden(w io.Writer) { _, _ = io.WriteString(w, concealed) }

// Format implements fmt.Formatter.
func (Patient) Format(w fmt.State, _ rune) { hidden(w) }

// Format implements fmt.Formatter.
func (Face) Format(w fmt.State, _ rune) { hidden(w) }

// LogValue implements slog.LogValuer.
func (Face) LogValue() slog.Value { return slog.StringValue(concealed) }

// LogValue implements slog.LogValuer.
func (Patient) LogValue() slog.Value { return slog.StringValue(concealed) }

// Format implements fmt.Formatter: an order is shown by its id alone.
func (o Order) Format(w fmt.State, _ rune) { fmt.Fprintf(w, "order %s %s", o.ID, concealed) }

// LogValue implements slog.LogValuer.
func (o Order) LogValue() slog.Value { return slog.StringValue("order " + o.ID) }

// Format implements fmt.Formatter.
func (s Step) Format(w fmt.State, _ rune) { fmt.Fprintf(w, "step %s %s", s.Key, concealed) }

// LogValue implements slog.LogValuer.
func (s Step) LogValue() slog.Value { return slog.StringValue("step " + s.Key) }
