package journal

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"radagora/db"
)

// A Filter says which entries are wanted. Its zero value wants all, oldest first.
type Filter struct {
	After  int64    // only later than this number
	Before int64    // only earlier than this number; 0 means no bound
	Kinds  []string // one of these; "archive.*" stands for all that begin so; none means any

	Site, Subject, Actor string    // exactly this, if not ""
	Person               string    // about this person of Site, which is needed then, in the terms of Append, if not ""
	PersonKey            string    // about the person this stands for in entries read, if not ""
	From, Until          time.Time // At not before From, and before Until; the zero time means no bound

	Personal bool // only those about some person

	Newest bool // newest first
	Limit  int  // at most so many; 0 means no bound
}

// Entries returns the sealed entries after a number, oldest first, of the given
// kinds or of any, up to what is sealed when it begins.
func (j *Journal) Entries(ctx context.Context, after int64, kinds ...string) iter.Seq2[Entry, error] {
	return j.Find(ctx, Filter{After: after, Kinds: kinds})
}

// Find returns the sealed entries that f wants, in pages of its own, so that
// nothing is held while the caller works. An error is the last thing it yields.
//
// Whoever shows pages asks for Limit entries and next time for those Before, or
// After, the number of the last.
func (j *Journal) Find(ctx context.Context, f Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		s, err := j.search(ctx, f)
		for n := 0; err == nil && s.low < s.high; {
			var page []Entry
			if page, err = s.page(ctx); err != nil {
				break
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				if n++; n == f.Limit {
					return
				}
			}
		}
		if err != nil {
			yield(Entry{}, fmt.Errorf("read journal: %w", err))
		}
	}
}

const entryColumns = "seq, id, site_id, at_ms, actor, kind, subject, data, person_key_id, payload, payload_digest, digest"

func scanRecord(r *db.Rows) (c record, err error) {
	return c, r.Scan(&c.seq, &c.id, &c.site, &c.at, &c.actor, &c.kind, &c.subject, &c.data, &c.personKey, &c.payload, &c.payloadDigest, &c.digest)
}

// load returns the entries of a condition, with their payloads as far as the keys
// still exist.
func (j *Journal) load(ctx context.Context, condition string, args ...any) ([]Entry, error) {
	records, err := db.List(ctx, j.db, scanRecord, "select "+entryColumns+" from journal_entry where "+condition, args...)
	if err != nil {
		return nil, err
	}
	keys, err := j.keysOf(ctx, records)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(records))
	for i := range records {
		if entries[i], err = records[i].entry(keys); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// keysOf returns the keys that open the payloads of records, by their ids. One that
// is destroyed is absent.
func (j *Journal) keysOf(ctx context.Context, records []record) (map[string][]byte, error) {
	keys, args, places := map[string][]byte{}, []any(nil), []string(nil)
	for i := range records {
		id := records[i].personKey
		if _, seen := keys[id]; records[i].payload != nil && !seen {
			keys[id] = nil
			args = append(args, id)
			places = append(places, fmt.Sprintf("$%d", len(args)))
		}
	}
	if len(args) == 0 {
		return nil, nil
	}
	type wrapped struct {
		id  string
		key []byte
	}
	all, err := db.List(ctx, j.db, func(r *db.Rows) (w wrapped, err error) {
		return w, r.Scan(&w.id, &w.key)
	}, "select key_id, wrapped from journal_person_key where wrapped is not null and key_id in ("+strings.Join(places, ", ")+")", args...)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		if keys[w.id], err = decrypt(j.keys.wrap, w.key, w.id); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func (r *record) entry(keys map[string][]byte) (Entry, error) {
	e := Entry{
		Seq: r.seq, ID: r.id, Site: r.site, At: time.UnixMilli(r.at).UTC(), Actor: r.actor, Kind: r.kind, Subject: r.subject,
		Data: []byte(r.data), PersonKey: r.personKey,
	}
	if r.payloadDigest == nil {
		return e, nil
	}
	key := keys[r.personKey]
	if key == nil {
		e.Erased = true
		return e, nil
	}
	text, err := decrypt(key, r.payload, r.id)
	if err != nil {
		return e, fmt.Errorf("entry %d: %w", r.seq, err)
	}
	e.Payload = text
	return e, nil
}

// Count returns how many sealed entries f wants, whatever its Limit.
func (j *Journal) Count(ctx context.Context, f Filter) (n int64, err error) {
	s, err := j.search(ctx, f)
	if err != nil || s.low >= s.high {
		return 0, wrapped(err)
	}
	along := s.along
	if len(along) == 0 {
		along = []term{{"$3 >= 0", nil}}
	}
	for _, t := range along { // no entry is of two kinds
		c := condition{s.where, slices.Clone(s.args)}
		c.and(t)
		var some int64
		err := j.db.QueryRow(ctx, "select count(*) from journal_entry where seq > $1 and seq < $2 and $3 >= 0"+c.where, append([]any{s.low, s.high, 0}, c.args...)...).Scan(&some)
		if n += some; err != nil {
			return 0, wrapped(err)
		}
	}
	return n, nil
}

func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("count journal: %w", err)
}
