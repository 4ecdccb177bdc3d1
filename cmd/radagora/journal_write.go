package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"time"

	"radagora/access/trail"
	"radagora/export"
	"radagora/fault"
	"radagora/journal"
)

// installation returns who writes audit messages.
func (h *house) installation(ctx context.Context, host string) trail.Installation {
	i := trail.Installation{Name: "Radagora", Host: host}
	if s, err := h.Sites.Site(ctx, at); err == nil && s.Name != "" {
		i.Name = s.Name
	}
	return i
}

// writeEntries writes entries in a format. The payload is in none.
func writeEntries(w io.Writer, format string, from trail.Installation, all journalEntries) error {
	switch format {
	case "json":
		return each(all, func(e journal.Entry) error { return writeLine(w, plainEntry(e)) })
	case "csv":
		return export.CSV(w, entryTable(all))
	case "fhir":
		return each(all, func(e journal.Entry) error {
			r, err := from.AuditEvent(e)
			if err != nil {
				return err
			}
			return writeLine(w, r)
		})
	case "fhir-bundle":
		return writeBundle(w, from, all)
	case "dicom":
		return writeMessages(w, from, all)
	}
	return fault.Errorf(fault.Invalid, "no such format: json, csv, fhir, fhir-bundle or dicom")
}

func each(all journalEntries, do func(journal.Entry) error) error {
	for e, err := range all {
		if err != nil {
			return err
		}
		if err := do(e); err != nil {
			return err
		}
	}
	return nil
}

func writeLine(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// A jsonEntry is an entry as it is exported.
type jsonEntry struct {
	Seq     int64           `json:"seq"`
	ID      string          `json:"id"`
	Site    string          `json:"site"`
	At      time.Time       `json:"at"`
	Actor   string          `json:"actor"`
	Kind    string          `json:"kind"`
	Subject string          `json:"subject,omitempty"`
	Data    json.RawMessage `json:"data"`
	Person  string          `json:"person,omitempty"` // pseudonym
}

func plainEntry(e journal.Entry) jsonEntry {
	return jsonEntry{e.Seq, e.ID, e.Site, e.At.UTC(), e.Actor, e.Kind, e.Subject, e.Data, e.PersonKey}
}

// entryTable is the journal as a table.
func entryTable(all journalEntries) export.Table {
	return export.Table{
		Name: "journal_entry", Title: "Journal", Layout: 1,
		Columns: []export.Column{
			{Name: "number", Kind: export.Integer},
			{Name: "id"},
			{Name: "site"},
			{Name: "at", Kind: export.Instant},
			{Name: "actor"},
			{Name: "kind"},
			{Name: "about"},
			{Name: "data"},
			{Name: "person"},
		},
		Rows: func(yield func([]any, error) bool) {
			for e, err := range all {
				if err != nil {
					yield(nil, err)
					return
				}
				if !yield([]any{e.Seq, e.ID, e.Site, e.At, e.Actor, e.Kind, e.Subject, string(e.Data), e.PersonKey}, nil) {
					return
				}
			}
		},
	}
}

// writeBundle writes one FHIR Bundle of the type collection as entries come.
func writeBundle(w io.Writer, from trail.Installation, all journalEntries) error {
	before, after := `,"entry":[`, "" // FHIR has no empty lists
	_, err := io.WriteString(w, `{"resourceType":"Bundle","type":"collection"`)
	if err != nil {
		return err
	}
	err = each(all, func(e journal.Entry) error {
		r, err := from.AuditEvent(e)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, `%s{"fullUrl":"urn:uuid:%s","resource":%s}`, before, e.ID, r.JSON())
		before, after = ",", "]"
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, after+"}\n")
	return err
}

// batchOfMessages is how many entries are looked at together for messages.
const batchOfMessages = 500

func writeMessages(w io.Writer, from trail.Installation, all journalEntries) error {
	var batch []journal.Entry
	flush := func() error {
		messages, err := from.Messages(batch)
		batch = batch[:0]
		for _, m := range messages {
			if err == nil {
				_, err = fmt.Fprintf(w, "%s\n", m.XML)
			}
		}
		return err
	}
	err := each(all, func(e journal.Entry) error {
		if batch = append(batch, e); len(batch) < batchOfMessages {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// journalEntries are entries as the journal finds them.
type journalEntries = iter.Seq2[journal.Entry, error]
