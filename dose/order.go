package dose

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"radagora/content"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// Orders knows what was ordered.
type Orders interface {
	// Ordered returns the orders that a study belongs to, as a rule or a person decided,
	// and those of its patient that have one of the accession numbers. Orders that are
	// cancelled, or that the study only may belong to, are left out.
	Ordered(ctx context.Context, q db.Querier, site, study string, accessions []string) ([]Ordered, error)
	// Accession returns the accession number of an order, "" if there is none of that id.
	Accession(ctx context.Context, q db.Querier, site, order string) (string, error)
}

// An Ordered is what an order says of an examination.
type Ordered struct {
	ID, Accession string
	Procedure     string        // requested procedure ID
	Names         []Name        // what is to be done, the most telling first: codes, then descriptions
	Steps         []Name        // what was scheduled of it, the most telling first
	Reasons       []OrderReason // why
}

// An OrderReason is why an examination was ordered: a code, or a text.
type OrderReason struct {
	Scheme, Code string
	Text         string
}

// CodeName writes a code as the name that mappings are approved for.
func CodeName(scheme, code string) string {
	if code == "" {
		return ""
	}
	return strings.TrimSpace(code + " (" + scheme + ")")
}

// whose kinds of journal entries tell that orders, or what belongs to them, changed.
var orderKinds = []string{
	"worklist.order.created", "worklist.order.changed", "worklist.order.cancelled", "worklist.study.matched", "worklist.study.decided",
}

// ConsumerOrders is the name under which dose reads the journal for what was ordered.
const ConsumerOrders = "dose-orders"

// reordered notes the studies whose orders changed.
func (l *Ledger) reordered(ctx context.Context, tx *db.Tx, batch []journal.Entry) error {
	for _, e := range batch {
		if err := l.reorder(ctx, tx, e); err != nil {
			return err
		}
	}
	tx.OnCommit(l.poke)
	return nil
}

// reorder notes the studies that one entry is about.
func (l *Ledger) reorder(ctx context.Context, tx *db.Tx, e journal.Entry) error {
	if l.Orders == nil {
		return nil
	}
	if strings.HasPrefix(e.Kind, "worklist.study.") {
		return pendReports(ctx, tx, e.Site, e.Subject)
	}
	accession, err := l.Orders.Accession(ctx, tx, e.Site, e.Subject)
	if err != nil {
		return err
	}
	studies, err := db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select study_uid from dose_order where site_id = $1 and order_id = $2
		union all select study_uid from dose_order where site_id = $1 and accession = $3 and accession <> ''`, e.Site, e.Subject, accession)
	if err != nil {
		return err
	}
	for _, study := range studies {
		if err := pendReports(ctx, tx, e.Site, study); err != nil {
			return err
		}
	}
	return nil
}

// accessions returns the accession numbers that the reports of a study carry.
func accessions(s *Study) (all []string) {
	for _, r := range s.Reports {
		if a := r.Order.Accession.Reveal(); a != "" && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// ordered loads the orders of a study and notes which it was derived with.
func (l *Ledger) ordered(ctx context.Context, tx *db.Tx, r reading) ([]Ordered, error) {
	if _, err := tx.Exec(ctx, `delete from dose_order where site_id = $1 and study_uid = $2`, r.site, r.task.study); err != nil || r.study == nil {
		return nil, err
	}
	type pair struct{ order, accession string }
	var seen []pair
	numbers := accessions(r.study)
	for _, a := range numbers {
		seen = append(seen, pair{"", a})
	}
	var all []Ordered
	if l.Orders != nil {
		var err error
		if all, err = l.Orders.Ordered(ctx, tx, r.site, r.task.study, numbers); err != nil {
			return nil, err
		}
	}
	for _, o := range all {
		seen = append(seen, pair{o.ID, o.Accession})
	}
	for _, p := range seen {
		err := insert(ctx, tx, `insert into dose_order (site_id, study_uid, order_id, accession) values ($1, $2, $3, $4) on conflict do nothing`,
			r.site, r.task.study, p.order, p.accession)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ordersOf returns the orders that may be that of events: with several accession
// numbers in the study those of their own; among them those of the requested
// procedures that their report names.
func ordersOf(all []Ordered, accession string, several bool, requests []string) []Ordered {
	own := all
	if several {
		own = slices.DeleteFunc(slices.Clone(all), func(o Ordered) bool { return o.Accession != accession })
	}
	named := slices.DeleteFunc(slices.Clone(own), func(o Ordered) bool { return !slices.Contains(requests, o.Procedure) || o.Procedure == "" })
	if len(named) > 0 {
		return named
	}
	return own
}

// Reasons answers which indication a reason of an order is.
type Reasons struct {
	codes map[string][]reasonCode // by scheme, as it is compared
	texts map[string]string       // words of indications, as they are compared
}

// A reasonCode is a row of dose/reason.
type reasonCode struct{ code, indication string }

// foldScheme makes names of code systems comparable: ICD-10, ICD10, icd 10.
func foldScheme(s string) string {
	return strings.ToLower(strings.NewReplacer("-", "", " ", "", "_", "").Replace(s))
}

// LoadReasons reads which codes mean which indication, and what indications are
// called.
func LoadReasons(library *content.Library, site string) (Reasons, error) {
	r := Reasons{codes: map[string][]reasonCode{}, texts: map[string]string{}}
	table, err := library.Table(site, "dose/reason", "codes")
	if err != nil {
		return r, err
	}
	for row := range table.All() {
		for _, scheme := range row.List("schemes") {
			k := foldScheme(scheme)
			r.codes[k] = append(r.codes[k], reasonCode{strings.ToUpper(row.Text("code")), row.Text("indication_code")})
		}
	}
	words, err := library.Table(site, "dose/indication", "codes")
	if err != nil {
		return r, err
	}
	for row := range words.All() {
		for _, column := range []string{"label_en", "label_de", "label_fr"} {
			r.texts[foldName(row.Text(column))] = row.Text("indication_code")
		}
	}
	return r, nil
}

// Find returns the indication that reasons tell, and what told it. Codes go before
// texts; a text tells only if it is the very word of an indication. Reasons that tell
// different ones tell none.
func (r Reasons) Find(reasons []OrderReason) (indication, by string) {
	for _, find := range []func(OrderReason) (string, string){r.code, r.text} {
		for _, one := range reasons {
			found, name := find(one)
			switch {
			case found == "" || found == indication:
			case indication != "":
				return "", ""
			default:
				indication, by = found, name
			}
		}
		if indication != "" {
			return indication, by
		}
	}
	return "", ""
}

// code looks a code up: itself, or the category it is of.
func (r Reasons) code(one OrderReason) (indication, by string) {
	code, longest := strings.ToUpper(strings.TrimSpace(one.Code)), 0
	for _, c := range r.codes[foldScheme(one.Scheme)] {
		if (code == c.code || strings.HasPrefix(code, c.code+".")) && len(c.code) > longest {
			indication, longest = c.indication, len(c.code)
		}
	}
	return indication, CodeName(one.Scheme, one.Code)
}

// text looks a text up.
func (r Reasons) text(one OrderReason) (indication, by string) {
	if one.Text == "" {
		return "", ""
	}
	return r.texts[foldName(one.Text)], one.Text
}

// What told an examination.
const (
	ExamFromOrder     = "order"     // what was ordered
	ExamFromProcedure = "procedure" // the procedure that the report names
	ExamFromProtocol  = "protocol"  // the protocol of its events
)

// ordered applies to an examination what its order says: the examination, if the
// mapping of the order's names told it, and the indication.
func (x *Examination) ordered(o *Ordered, r Reasons) {
	if o == nil {
		return
	}
	x.Order, x.Accession = o.ID, o.Accession
	for _, n := range slices.Backward(slices.Concat(o.Names, o.Steps)) {
		if n.Text != "" && !slices.Contains(x.Names, n) {
			x.Names = slices.Insert(x.Names, 0, n)
		}
	}
	if indication, by := r.Find(o.Reasons); indication != "" {
		x.Indication, x.KnownBy, x.Reason = indication, KnownByOrder, by
	}
}

// several makes examinations of events of one accession number that has several
// orders: an event is of the order for whose examination its protocol is approved.
func (e *examiner) several(runs []run, orders []Ordered, machine, day string) []Examination {
	type meant struct {
		order   *Ordered
		mapping Mapping
		name    Name
	}
	var known []meant
	for i := range orders {
		if m, name, ok := e.find(slices.Concat(orders[i].Names, orders[i].Steps), machine, day); ok {
			known = append(known, meant{&orders[i], m, name})
		}
	}
	exams := map[string]bool{}
	for _, k := range known {
		exams[k.mapping.Exam] = true
	}
	if len(runs) == 1 && !runs[0].mapped && len(exams) > 1 { // one scan of all that was ordered: nobody can divide it
		x := gather(runs, AssignedByOrder)
		x.told(known[0].mapping, ExamFromOrder, known[0].name.Text)
		x.ordered(known[0].order, e.reasons)
		x.Multi = true
		return []Examination{x}
	}
	of := map[string][]run{}
	runs = e.leave(runs, func(r run) bool {
		n := 0
		for _, k := range known {
			if r.mapped && k.mapping.Exam == r.mapping.Exam {
				n++
			}
		}
		return n != 1
	})
	for _, r := range runs {
		of[r.mapping.Exam] = append(of[r.mapping.Exam], r)
	}
	var all []Examination
	for _, k := range known {
		if own := of[k.mapping.Exam]; len(own) > 0 {
			x := gather(own, AssignedByProtocol)
			x.told(k.mapping, ExamFromOrder, k.name.Text)
			x.ordered(k.order, e.reasons)
			all = append(all, x)
		}
	}
	return all
}

// find returns the mapping of the first of some names that has one.
func (e *examiner) find(names []Name, machine, day string) (Mapping, Name, bool) {
	for _, n := range names {
		if m, ok := e.m.Find(n.Text, n.Source, machine, day); ok {
			return m, n, true
		}
	}
	return Mapping{}, Name{}, false
}

// told applies a mapping and notes what it was found by.
func (x *Examination) told(m Mapping, from, name string) {
	x.Exam = ""
	x.apply(m)
	x.ExamFrom, x.ExamName = from, name
}

// decodeSizes reads the sizes of an examination.
func decodeSizes(text string) (all []Size, err error) {
	if err := json.Unmarshal([]byte(cmp.Or(text, "[]")), &all); err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	return all, nil
}
