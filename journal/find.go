package journal

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A Filter says which entries are wanted. Its zero value wants all, oldest first.
type Filter struct {
	After  int64    // only later than this number
	Before int64    // only earlier than this number; 0 means no bound
	Kinds  []string // one of these; "archive.*" stands for all that begin so; none means any

	Site, Subject, Actor string    // exactly this, if not ""
	Person               string    // about this person, in the terms of Append, if not ""
	From, Until          time.Time // At not before From, and before Until; the zero time means no bound

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

// A search reads the entries with low < seq < high that match, a window of
// numbers at a time. The window grows where little is found, so that neither a
// rare kind nor a dense stretch makes a long query.
type search struct {
	j         *Journal
	where     string
	args      []any
	low, high int64
	window    int64
	limit     int
	newest    bool
}

// The windows and pages of a search.
const (
	firstWindow = 4096
	lastWindow  = 1 << 24
	pageSize    = 500
)

func (j *Journal) search(ctx context.Context, f Filter) (*search, error) {
	s := &search{j: j, low: f.After, window: firstWindow, limit: pageSize, newest: f.Newest}
	if f.Limit > 0 {
		s.limit = min(s.limit, f.Limit)
	}
	if err := s.match(f); err != nil {
		return nil, err
	}
	if f.Person != "" {
		s.and("person_key_id <> '' and person_key_id in (select key_id from journal_person_key where lookup = %s)", j.keys.mac("person", f.Person))
	}
	head, err := j.head(ctx)
	if err != nil {
		return nil, err
	}
	dropped, err := j.dropped(ctx)
	if err != nil {
		return nil, err
	}
	s.low, s.high = max(s.low, dropped), head+1
	if f.Before > 0 {
		s.high = min(s.high, f.Before)
	}
	return s, nil
}

// and adds a condition; %s in it stands for arg.
func (s *search) and(condition string, arg any) {
	s.args = append(s.args, arg)
	s.where += " and " + fmt.Sprintf(condition, fmt.Sprintf("$%d", len(s.args)+3))
}

func (s *search) match(f Filter) error {
	for _, c := range []struct{ column, value string }{
		{"site_id = %s", f.Site}, {"subject <> '' and subject = %s", f.Subject}, {"actor = %s", f.Actor},
	} {
		if c.value != "" {
			s.and(c.column, c.value)
		}
	}
	if !f.From.IsZero() {
		s.and("at_ms >= %s", f.From.UnixMilli())
	}
	if !f.Until.IsZero() {
		s.and("at_ms < %s", f.Until.UnixMilli())
	}
	return s.kinds(f.Kinds)
}

func (s *search) kinds(kinds []string) error {
	if err := checkKinds(kinds); err != nil || len(kinds) == 0 {
		return err
	}
	var either []string
	for _, k := range kinds {
		op, value := "=", k
		if begin, all := strings.CutSuffix(k, "*"); all {
			op, value = "like", begin+"%"
		}
		s.args = append(s.args, value)
		either = append(either, fmt.Sprintf("kind %s $%d", op, len(s.args)+3))
	}
	s.where += " and (" + strings.Join(either, " or ") + ")"
	return nil
}

// checkKinds refuses what no kind can match, and what would match by accident.
func checkKinds(kinds []string) error {
	for _, k := range kinds {
		begin, all := strings.CutSuffix(k, ".*")
		if all {
			begin += ".x"
		}
		if !kindRule.MatchString(begin) {
			return fault.Errorf(fault.Invalid, "kind %.40q is neither of the form room.noun.verb nor room.*", k)
		}
	}
	return nil
}

// page returns the next entries and moves low or high past them. It may find none
// and not be at the end.
func (s *search) page(ctx context.Context) ([]Entry, error) {
	from, to, order := s.low, min(s.low+s.window+1, s.high), "seq"
	if s.newest {
		from, to, order = max(s.low, s.high-s.window-1), s.high, "seq desc"
	}
	page, err := s.j.load(ctx, "seq > $1 and seq < $2"+s.where+" order by "+order+" limit $3", append([]any{from, to, s.limit}, s.args...)...)
	if err != nil {
		return nil, err
	}
	full := len(page) == s.limit
	switch {
	case full && s.newest:
		s.high = page[len(page)-1].Seq
	case full:
		s.low = page[len(page)-1].Seq
	case s.newest:
		s.high = from + 1
	default:
		s.low = to - 1
	}
	if full {
		s.window = firstWindow
	} else {
		s.window = min(s.window*4, lastWindow)
	}
	if s.high-s.low == 1 {
		s.low = s.high // no number lies between
	}
	return page, nil
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
	if err == nil && s.low < s.high {
		args := append([]any{s.low, s.high, 0}, s.args...)
		err = j.db.QueryRow(ctx, `select count(*) from journal_entry where seq > $1 and seq < $2 and $3 >= 0`+s.where, args...).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("count journal: %w", err)
	}
	return n, nil
}
