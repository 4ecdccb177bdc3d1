package dose

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"radagora/db"
	"radagora/fault"
)

// MappingColumns are the columns of a table of mappings, in the order in which they are
// written. To be read a table needs name, source and exam_code; the last three are not
// read.
var MappingColumns = []string{"name", "source", "machine", "exam_code", "indication_code", "known_by", "valid_from", "why", "state", "approved_by", "approved_on"}

// mostRows and mostTable bound a table that is read.
const (
	mostRows  = 20_000
	mostTable = 8 << 20 // bytes
)

// A RowError says what is wrong with a row of a table of mappings: a stable code.
type RowError struct {
	Line int    // from 1, the header is the first
	Why  string // see the codes
}

// The codes of row errors.
const (
	RowColumns  = "columns"  // the header lacks a column, or the row has another number of fields
	RowText     = "text"     // not UTF-8
	RowName     = "name"     // none, or too long
	RowSource   = "source"   // none of procedure, protocol, code
	RowMachine  = "machine"  // nobody knows it
	RowExam     = "exam"     // content has no such examination
	RowMeaning  = "meaning"  // content has no such indication, or it is not said how it is known
	RowDay      = "day"      // valid from no day
	RowTwice    = "twice"    // an earlier row says something of the same name
	RowWaits    = "waits"    // a proposal of somebody else waits for this name
	RowTooMany  = "too_many" // more rows than are read
	RowTooLarge = "too_large"
)

// An Import is what a table of mappings would do, or did.
type Import struct {
	Batch  string // "" of a dry run
	Digest string // SHA-256 of the table, hexadecimal
	New    int    // names that mean nothing yet
	Change int    // names that mean something else
	Same   int    // rows that say what holds already: nothing is done
	Errors []RowError
}

// ImportMappings proposes what a table says, on behalf of by: all rows or, if one is
// wrong, none. A dry run only says what would happen. What is proposed waits for a second
// person unless one decides alone. machine returns the id of a machine by what the table
// calls it. Everything can be taken back by UndoImport.
func (l *Ledger) ImportMappings(ctx context.Context, siteID, by string, table io.Reader, dry bool, machine func(string) (string, bool)) (Import, error) {
	raw, err := io.ReadAll(io.LimitReader(table, mostTable+1))
	if err != nil {
		return Import{}, fault.As(fault.Unavailable, err)
	}
	sum := sha256.Sum256(raw)
	r := Import{Digest: hex.EncodeToString(sum[:])}
	rows, lines := r.read(raw, machine)
	err = l.DB.Write(ctx, func(tx *db.Tx) error {
		r.New, r.Change, r.Same = 0, 0, 0
		todo, err := l.judgeRows(ctx, tx, siteID, by, &r, rows, lines)
		if err != nil || dry || len(r.Errors) > 0 || len(todo) == 0 {
			return err
		}
		r.Batch = db.NewID()
		for _, p := range todo {
			p.Batch = r.Batch
			if _, err := l.proposeName(ctx, tx, p); err != nil {
				return err
			}
		}
		return l.journalled(ctx, tx, siteID, by, "dose.mapping.imported", r.Batch,
			map[string]any{"digest": r.Digest, "new": r.New, "change": r.Change, "same": r.Same})
	})
	return r, err
}

// read reads the rows of a table, with the line of each.
func (r *Import) read(raw []byte, machine func(string) (string, bool)) (rows []NameProposal, lines []int) {
	wrong := func(line int, why string) { r.Errors = append(r.Errors, RowError{line, why}) }
	if len(raw) > mostTable {
		wrong(1, RowTooLarge)
		return nil, nil
	}
	s := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	s.Buffer(nil, 64<<10)
	var header []string
	seen := map[nameKey][][]string{} // machines by name
	line := 0
	for s.Scan() {
		line++
		text := strings.TrimSuffix(s.Text(), "\r")
		if strings.TrimSpace(text) == "" {
			continue
		}
		fields := strings.Split(text, "\t")
		switch {
		case header == nil:
			header = fields
			for _, need := range []string{"name", "source", "exam_code"} {
				if !slices.Contains(header, need) {
					wrong(line, RowColumns)
					return nil, nil
				}
			}
			continue
		case !utf8.ValidString(text):
			wrong(line, RowText)
			continue
		case len(fields) != len(header):
			wrong(line, RowColumns)
			continue
		case len(rows) >= mostRows:
			wrong(line, RowTooMany)
			return rows, lines
		}
		p, why := readProposal(header, fields, machine)
		if why == "" {
			key := nameKey{foldName(p.Name) + " " + p.ValidFrom, p.Source}
			if slices.ContainsFunc(seen[key], func(m []string) bool { return slices.Equal(m, p.Machines) }) {
				why = RowTwice
			}
			seen[key] = append(seen[key], p.Machines)
		}
		if why != "" {
			wrong(line, why)
			continue
		}
		rows, lines = append(rows, p), append(lines, line)
	}
	if s.Err() != nil {
		wrong(line+1, RowTooLarge)
	}
	if header == nil && len(r.Errors) == 0 {
		wrong(1, RowColumns)
	}
	return rows, lines
}

// readProposal reads one row.
func readProposal(header, fields []string, machine func(string) (string, bool)) (p NameProposal, why string) {
	get := func(column string) string {
		if i := slices.Index(header, column); i >= 0 {
			return strings.TrimSpace(fields[i])
		}
		return ""
	}
	p = NameProposal{
		Name: get("name"), Source: NameSource(get("source")), Exam: get("exam_code"), Indication: get("indication_code"),
		KnownBy: KnownBy(get("known_by")), ValidFrom: cmp.Or(get("valid_from"), "0001-01-01"), Why: get("why"),
	}
	if called := get("machine"); called != "" {
		id, ok := machine(called)
		if !ok {
			return p, RowMachine
		}
		p.Machines = []string{id}
	}
	if len(p.Why) > 1000 {
		return p, RowText
	}
	if _, err := time.Parse(time.DateOnly, p.ValidFrom); err != nil {
		return p, RowDay
	}
	switch {
	case p.Name == "" || len(p.Name) > 1000:
		return p, RowName
	case p.Source != FromProcedure && p.Source != FromProtocol && p.Source != FromCode:
		return p, RowSource
	}
	return p, ""
}

// judgeRows holds rows against what there is, and returns those that there is something
// to do for.
func (l *Ledger) judgeRows(ctx context.Context, tx *db.Tx, siteID, by string, r *Import, rows []NameProposal, lines []int) (todo []NameProposal, err error) {
	all, err := db.List(ctx, tx, scanMapping, selectMapping+` where site_id = $1 and revoked_at = 0`, siteID)
	if err != nil {
		return nil, err
	}
	waits, err := db.List(ctx, tx, scanNameProposal, selectNameProposal+` where site_id = $1 and state = 'waiting'`, siteID)
	if err != nil {
		return nil, err
	}
	known := NewMappings(all)
	for i, p := range rows {
		p.Site, p.By = siteID, by
		m := p.mapping(strings.Join(p.Machines, ""))
		m.ApprovedBy = by
		if why := l.rowError(m); why != "" {
			r.Errors = append(r.Errors, RowError{lines[i], why})
			continue
		}
		other := func(w NameProposal) bool {
			return w.By != by && foldName(w.Name) == foldName(p.Name) && w.Source == p.Source && overlapMachines(w.Machines, p.Machines)
		}
		if slices.ContainsFunc(waits, other) {
			r.Errors = append(r.Errors, RowError{lines[i], RowWaits})
			continue
		}
		was, ok := known.Find(p.Name, p.Source, m.Machine, "9999-12-31")
		switch {
		case !ok:
			r.New++
		case was.Exam == m.Exam && was.Indication == m.Indication && was.KnownBy == m.KnownBy && was.ValidFrom == m.ValidFrom && was.Machine == m.Machine:
			r.Same++
			continue
		default:
			r.Change++
		}
		todo = append(todo, p)
	}
	slices.SortStableFunc(r.Errors, func(a, b RowError) int { return cmp.Compare(a.Line, b.Line) })
	return todo, nil
}

// rowError returns what is wrong with what a row says, as a code.
func (l *Ledger) rowError(m Mapping) string {
	if m.Exam != NotAnExamination && l.known(m.Site, "dose/exam", "exam_code", m.Exam) != nil {
		return RowExam
	}
	if err := l.checkMapping(&m); err != nil {
		return RowMeaning
	}
	return ""
}

// WriteMappings writes what names mean as a table that ImportMappings reads, and the
// proposals that wait. machine returns what a machine is called.
func WriteMappings(w io.Writer, all []Mapping, waiting []NameProposal, machine, person func(id string) string) error {
	out := bufio.NewWriter(w)
	write := func(fields ...string) {
		for i, f := range fields {
			if i > 0 {
				_ = out.WriteByte('\t') // Flush tells of errors
			}
			_, _ = out.WriteString(strings.Join(strings.Fields(f), " "))
		}
		_ = out.WriteByte('\n')
	}
	write(MappingColumns...)
	from := func(day string) string { return strings.TrimPrefix(day, "0001-01-01") }
	for _, m := range all {
		if m.RevokedAt == 0 {
			write(m.Name, string(m.Source), machine(m.Machine), m.Exam, m.Indication, string(m.KnownBy), from(m.ValidFrom), "", "approved",
				person(m.ApprovedBy), time.UnixMilli(m.ApprovedAt).UTC().Format(time.DateOnly))
		}
	}
	for _, p := range waiting {
		machines := p.Machines
		if len(machines) == 0 {
			machines = []string{""}
		}
		for _, id := range machines {
			write(p.Name, string(p.Source), machine(id), p.Exam, p.Indication, string(p.KnownBy), from(p.ValidFrom), p.Why, "waiting", "", "")
		}
	}
	return out.Flush()
}

// A Batch is an import that could be taken back.
type Batch struct {
	ID     string
	By     string
	At     int64
	Steps  int
	Undone bool
}

// Batches returns the imports of a site, the latest first.
func (l *Ledger) Batches(ctx context.Context, siteID string) ([]Batch, error) {
	return db.List(ctx, l.DB, func(r *db.Rows) (b Batch, err error) {
		var left int
		err = r.Scan(&b.ID, &b.By, &b.At, &b.Steps, &left)
		b.Undone = left == 0
		return b, err
	}, `select batch_id, min(done_by), min(done_at), count(*), sum(case when undone then 0 else 1 end)
		from dose_mapping_step where site_id = $1 and batch_id <> '' and kind <> 'undone' group by batch_id order by 3 desc, 1 desc limit 50`, siteID)
}
