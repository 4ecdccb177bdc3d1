package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"radagora/db"
	"radagora/fault"
)

// The most bytes that a part of an entry may have.
const (
	MaxName    = 256      // Site, Actor, Kind, Person
	MaxSubject = 512      // Subject
	MaxData    = 64 << 10 // Data
	MaxPayload = 256 << 10
)

// kindRule is room.noun.verb, with two to four words.
var kindRule = regexp.MustCompile(`^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*){1,3}$`)

// Append writes entries as part of tx: they exist if and only if it commits, and
// are sealed soon afterwards. Entries of one tx keep their order. It is Invalid,
// and nothing is written, if an entry breaks a rule of Entry or a bound.
func (j *Journal) Append(ctx context.Context, tx *db.Tx, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if j.o.Whence != nil {
		entries = slices.Clone(entries)
		door, address := j.o.Whence(ctx)
		for i := range entries {
			entries[i].from(door, address)
		}
	}
	for i := range entries {
		if err := entries[i].check(); err != nil {
			return fmt.Errorf("append to journal: %w", err)
		}
	}
	persons, records := map[[2]string]person{}, make([]record, len(entries))
	for i := range entries {
		var err error
		if records[i], err = j.record(ctx, tx, persons, &entries[i]); err != nil {
			return fmt.Errorf("append to journal: %w", err)
		}
	}
	if err := insert(ctx, tx, records); err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	tx.OnCommit(func() {
		select {
		case j.wake <- struct{}{}:
		default:
		}
	})
	return nil
}

// from adds to the data of an entry that a person caused where they came from, unless
// it says so itself. Machines and the program name where they come from otherwise.
func (e *Entry) from(door, address string) {
	if door == "" && address == "" || e.Actor == "" || strings.Contains(e.Actor, ":") {
		return
	}
	var has map[string]json.RawMessage
	if len(e.Data) > 0 && json.Unmarshal(e.Data, &has) != nil {
		return // no object: check says so
	}
	var more []byte
	for _, p := range [][2]string{{"door", door}, {"address", address}} {
		if _, said := has[p[0]]; said || p[1] == "" {
			continue
		}
		value, err := json.Marshal(p[1])
		if err != nil {
			continue
		}
		more = append(append(more, `,"`+p[0]+`":`...), value...)
	}
	switch {
	case len(more) == 0:
	case len(has) == 0:
		e.Data = append(append([]byte("{"), more[1:]...), '}')
	default:
		end := bytes.LastIndexByte(e.Data, '}')
		e.Data = append(append(slices.Clone(e.Data[:end]), more...), '}')
	}
}

// check refuses what the journal cannot keep. Its errors name parts, not contents.
func (e *Entry) check() error {
	if !kindRule.MatchString(e.Kind) || len(e.Kind) > MaxName {
		return fault.Errorf(fault.Invalid, "kind %.40q is not of the form room.noun.verb", e.Kind)
	}
	for _, p := range []struct {
		name, value string
		most        int
		needed      bool
	}{
		{"site", e.Site, MaxName, true},
		{"actor", e.Actor, MaxName, true},
		{"subject", e.Subject, MaxSubject, false},
		{"person", e.Person, MaxName, len(e.Payload) > 0},
	} {
		switch {
		case p.needed && p.value == "":
			return fault.Errorf(fault.Invalid, "%s: no %s", e.Kind, p.name)
		case len(p.value) > p.most:
			return fault.Errorf(fault.Invalid, "%s: %s of %d bytes; at most %d", e.Kind, p.name, len(p.value), p.most)
		case !utf8.ValidString(p.value) || strings.ContainsFunc(p.value, unicode.IsControl):
			return fault.Errorf(fault.Invalid, "%s: %s is not plain text", e.Kind, p.name)
		}
	}
	if err := checkJSON(e.Data, MaxData); err != nil {
		return fault.Errorf(fault.Invalid, "%s: data: %w", e.Kind, err)
	}
	if err := checkJSON(e.Payload, MaxPayload); err != nil {
		return fault.Errorf(fault.Invalid, "%s: payload: %w", e.Kind, err)
	}
	return nil
}

func checkJSON(b json.RawMessage, most int) error {
	switch {
	case len(b) > most:
		return fault.Errorf(fault.Invalid, "%d bytes; at most %d", len(b), most)
	case len(b) > 0 && (!json.Valid(b) || !utf8.Valid(b)):
		return fault.Errorf(fault.Invalid, "not JSON in UTF-8")
	}
	return nil
}

// record makes the row of e. persons holds the keys found so far in this call.
func (j *Journal) record(ctx context.Context, tx *db.Tx, persons map[[2]string]person, e *Entry) (record, error) {
	at := e.At
	if at.IsZero() {
		at = j.o.Now()
	}
	r := record{
		id: db.NewID(), site: e.Site, at: db.Millis(at), actor: e.Actor, kind: e.Kind, subject: e.Subject, data: string(e.Data),
	}
	if r.data == "" {
		r.data = "{}"
	}
	if e.Person != "" {
		who := [2]string{e.Site, e.Person}
		p, known := persons[who]
		if !known {
			var err error
			if p, err = j.person(ctx, tx, e.Site, e.Person); err != nil {
				return r, err
			}
			persons[who] = p
		}
		r.personKey = p.keyID
		if len(e.Payload) > 0 {
			var err error
			if r.payload, err = encrypt(j.o.Rand, p.key, e.Payload, r.id); err != nil {
				return r, err
			}
			r.payloadDigest = sum(r.payload)
		}
	}
	r.digest = r.sum()
	return r, nil
}

// perStatement is how many entries one insert carries: few texts of statements,
// and far below the bounds for parameters.
const perStatement = 50

const columns = 11

func insert(ctx context.Context, tx *db.Tx, records []record) error {
	for len(records) > 0 {
		n := min(len(records), perStatement)
		args := make([]any, 0, n*columns)
		for i := range records[:n] {
			r := &records[i]
			args = append(args, r.id, r.site, r.at, r.actor, r.kind, r.subject, r.data, r.personKey, r.payload, r.payloadDigest, r.digest)
		}
		if _, err := tx.Exec(ctx, insertText(n), args...); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

func insertText(n int) string {
	var b strings.Builder
	b.WriteString("insert into journal_entry (id, site_id, at_ms, actor, kind, subject, data, person_key_id, payload, payload_digest, digest) values ")
	for i := range n {
		for c := range columns {
			sep := ", "
			switch {
			case c == 0 && i == 0:
				sep = "("
			case c == 0:
				sep = "), ("
			}
			fmt.Fprintf(&b, "%s$%d", sep, i*columns+c+1)
		}
	}
	b.WriteString(")")
	return b.String()
}
