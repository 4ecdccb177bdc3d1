package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"radagora/db"
	"radagora/journal"
)

// A maker makes entries of a department's journal: who stores, who reads, who
// decides, with the usual unevenness. All of it is made up.
type maker struct {
	db    *db.DB
	begin time.Time
	n     int64    // entries so far
	first int64    // of the first size
	known []string // keys of persons whom the journal can be asked about
}

const (
	perSeal    = 100
	perPerson  = 80 // entries about one person
	perStudy   = 25
	step       = 10 * time.Second // between entries: 3.2 million a year
	knownEvery = 4000             // one in so many persons can be asked about
	accounts   = 400
)

// kinds are what happens, with how often among 10 000 entries.
var kinds = []struct {
	kind string
	of   int
}{
	{"archive.instance.stored", 5500},
	{"archive.study.read", 2600},
	{"archive.study.queried", 1200},
	{"dose.examination.read", 400},
	{"access.session.begun", 180},
	{"access.session.failed", 40},
	{"dose.table.exported", 30},
	{"finding.state.changed", 25},
	{"archive.object.sent", 20},
	{"access.glass.opened", 3},
	{"site.room.named", 1},
	{"access.user.changed", 1},
}

// persons makes keys for those whom the journal can be asked about.
func (m *maker) persons(ctx context.Context, j *journal.Journal) error {
	const most = 400
	run, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- j.Run(run) }()
	err := m.db.Write(ctx, func(tx *db.Tx) error {
		for i := range most {
			e := journal.Entry{Site: "main", Actor: "system:bench", Kind: "site.room.named", Person: person(i), At: m.begin}
			if err := j.Append(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	for err == nil && len(m.known) < most {
		time.Sleep(100 * time.Millisecond)
		m.known = nil
		for e, failed := range j.Find(ctx, journal.Filter{}) {
			err = failed
			m.known = append(m.known, e.PersonKey)
		}
	}
	m.n = int64(len(m.known))
	stop()
	if failed := <-ended; err == nil {
		err = failed
	}
	return err
}

func person(i int) string { return fmt.Sprint("person ", i) }

// fill makes entries until there are n. Indexes are made anew afterwards, which is
// quicker than to keep them up.
func (m *maker) fill(ctx context.Context, n int64) error {
	indexes, err := db.List(ctx, m.db, func(r *db.Rows) (v [2]string, err error) { return v, r.Scan(&v[0], &v[1]) },
		"select name, sql from sqlite_master where type = 'index' and sql is not null and tbl_name = 'journal_entry'")
	if err != nil {
		return err
	}
	do := func(statement string) error {
		return m.db.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
	}
	for _, i := range indexes {
		if err := do("drop index " + i[0]); err != nil {
			return err
		}
	}
	if m.first == 0 {
		m.first = n
	}
	for m.n >= m.first && m.n+m.first <= n {
		if err := m.db.Write(ctx, m.again(ctx)); err != nil {
			return err
		}
	}
	for m.n < n {
		if err := m.db.Write(ctx, func(tx *db.Tx) error { return m.batch(ctx, tx, min(20_000, n-m.n)) }); err != nil {
			return err
		}
		m.n += min(20_000, n-m.n)
	}
	for _, i := range indexes {
		if err := do(i[1]); err != nil {
			return err
		}
	}
	return nil
}

// again writes the entries of the first size once more, later and of other persons: the
// database does so many times quicker than it takes rows. Those whom the journal can be
// asked about stay who they are.
func (m *maker) again(ctx context.Context) func(tx *db.Tx) error {
	return func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into journal_entry (id, seq, site_id, at_ms, actor, kind, subject, data, person_key_id, digest)
			select printf('9%012x', seq + $1) || substr(id, 14), seq + $1, site_id, at_ms + $2, actor, kind, subject || printf('.%d', $3), data,
			case when person_key_id like '018569c1-8000-%' then printf('018569c1-%04x', 32768 + $3) || substr(person_key_id, 14) else person_key_id end, digest
			from journal_entry where seq <= $4 order by seq`, m.n, m.n*step.Milliseconds(), m.n/m.first, m.first)
		if err != nil {
			return err
		}
		var seals int64
		if err := tx.QueryRow(ctx, "select max(number) from journal_seal").Scan(&seals); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into journal_seal (number, first_seq, last_seq, at_ms, previous, digest, from_ms, upto_ms, late)
			select row_number() over (order by number) + $1, first_seq + $2, last_seq + $2, at_ms + $3, previous, digest, from_ms + $3, upto_ms + $3, late
			from journal_seal where last_seq <= $4`, seals, m.n, m.n*step.Milliseconds(), m.first)
		if err == nil {
			m.n += m.first
		}
		return err
	}
}

// batch inserts n entries after those there are, and their seals.
func (m *maker) batch(ctx context.Context, tx *db.Tx, n int64) error {
	const rows = 50
	r := rand.New(rand.NewPCG(uint64(m.n), 7))
	for done := int64(0); done < n; done += rows {
		var text strings.Builder
		text.WriteString("insert into journal_entry (id, seq, site_id, at_ms, actor, kind, subject, data, person_key_id, digest) values ")
		var args []any
		for i := range min(rows, n-done) {
			sep := ", ("
			if i == 0 {
				sep = "("
			}
			text.WriteString(sep)
			for c := range 10 {
				if c > 0 {
					text.WriteString(", ")
				}
				fmt.Fprintf(&text, "$%d", len(args)+c+1)
			}
			text.WriteString(")")
			args = append(args, m.entry(r, m.n+done+i+1)...)
		}
		if _, err := tx.Exec(ctx, text.String(), args...); err != nil {
			return err
		}
	}
	for first := m.n + 1; first <= m.n+n; first += perSeal {
		last := min(first+perSeal-1, m.n+n)
		var number int64
		if err := tx.QueryRow(ctx, "select max(number) + 1 from journal_seal").Scan(&number); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into journal_seal (number, first_seq, last_seq, at_ms, previous, digest, from_ms, upto_ms, late)
			values ($1, $2, $3, $4, $5, $5, $6, $4, $7)`, number, first, last, m.at(last).UnixMilli(), digest(number), m.at(first).UnixMilli(), false)
		if err != nil {
			return err
		}
	}
	return nil
}

// at is when entry seq happened.
func (m *maker) at(seq int64) time.Time { return m.begin.Add(time.Duration(seq) * step) }

// entry returns the columns of entry seq.
func (m *maker) entry(r *rand.Rand, seq int64) []any {
	at := m.at(seq)
	kind := draw(r)
	actor := "ae:CT" + fmt.Sprint(r.IntN(12))
	switch {
	case strings.HasPrefix(kind, "archive.instance"):
	case r.IntN(2_000) == 0:
		actor = fmt.Sprintf("account-seldom-%05d", r.IntN(200))
	default:
		actor = fmt.Sprintf("account-%03d", int(float64(accounts)*r.Float64()*r.Float64()))
	}
	// Persons come, return for a while, and new ones follow.
	p := seq/perPerson - int64(r.ExpFloat64()*5000)
	if p < 0 {
		p = r.Int64N(seq/perPerson + 1)
	}
	subject := fmt.Sprintf("1.2.826.0.1.3680043.10.%d.%d", p, seq/perStudy%7)
	key := fmt.Sprintf("018569c1-8000-7000-8000-%012x", p)
	if p%knownEvery == 0 && p/knownEvery < int64(len(m.known)) {
		key = m.known[p/knownEvery]
	}
	if strings.HasPrefix(kind, "access.") || strings.HasPrefix(kind, "site.") {
		key = ""
	}
	return []any{db.NewID(), seq, "main", at.UnixMilli(), actor, kind, subject, `{"purpose":"TREAT","count":1,"door":"page"}`, key, digest(seq)}
}

// draw draws a kind.
func draw(r *rand.Rand) string {
	n := r.IntN(10_000)
	for _, k := range kinds {
		if n -= k.of; n < 0 {
			return k.kind
		}
	}
	return kinds[0].kind
}

// digest stands for a digest: as long, and as little to be compressed.
func digest(n int64) []byte {
	s := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return s[:]
}
