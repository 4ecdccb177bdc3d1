package archive

import (
	"context"
	"database/sql"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/dicom/uid"
)

// An order is one of the expressions that rows are sorted by; together they are unique.
type order struct {
	expr   string
	desc   bool
	number bool
}

var (
	studyOrder   = []order{{expr: "study.study_date", desc: true}, {expr: "study.study_time", desc: true}, {expr: "study.id", desc: true}}
	seriesOrder  = append(slices.Clone(studyOrder), order{expr: "coalesce(series.series_number, 9223372036854775807)", number: true}, order{expr: "series.id"})
	imageOrder   = append(slices.Clone(seriesOrder), order{expr: "coalesce(instance.instance_number, 9223372036854775807)", number: true}, order{expr: "instance.id"})
	patientOrder = []order{{expr: "study.patient_id"}, {expr: "study.issuer_of_patient_id"}, {expr: unnamed}}
	orders       = [...][]order{patientOrder, studyOrder, seriesOrder, imageOrder}
)

// unnamed tells patients without an ID apart.
const unnamed = `case when study.patient_id = '' then study.patient_name || '^' || study.patient_birth_date || '^' || study.patient_sex else '' end`

// instanceColumns of a row are what an Instance is made of.
var instanceExprs = []string{
	"instance.id", "instance.sop_uid", "instance.sop_class", "study.study_uid", "series.series_uid", "instance.transfer_syntax",
	"instance.instance_number", "instance.number_of_frames", "instance.length", "instance.sha256", "instance.pack", "instance.pack_offset",
	"instance.dataset_at", "instance.door", "instance.calling_ae", "instance.received_at", "instance.repeats", "study.corrected",
}

// pageRows is how many rows are fetched at a time.
const pageRows = 500

// A row is what one statement returned, by expression.
type row struct {
	p *plan
	v []sql.NullString
}

// text returns the value of an expression, "" for null.
func (r row) text(expr string) string {
	if i, ok := r.p.at[expr]; ok {
		return r.v[i].String
	}
	return ""
}

// int returns the value of an expression as a number, nil for null.
func (r row) int(expr string) *int64 {
	i, ok := r.p.at[expr]
	if !ok || !r.v[i].Valid {
		return nil
	}
	n, err := strconv.ParseInt(r.v[i].String, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// want has an expression returned with every row.
func (p *plan) want(exprs ...string) {
	for _, e := range exprs {
		if _, ok := p.at[e]; !ok {
			p.at[e] = len(p.exprs)
			p.exprs = append(p.exprs, e)
		}
	}
}

// columns decides what is returned with every row.
func (p *plan) columns() {
	p.at, p.exprs, p.answers = map[string]int{}, nil, p.wanted()
	p.beyonds = slices.DeleteFunc(slices.Clone(p.answers), func(k key) bool { return !p.beyond(k) || !p.may(k.tag) })
	for _, o := range p.order() {
		p.want(o.expr)
	}
	p.want("study.id", "study.study_uid", "study.corrected")
	if p.q.Shown != nil {
		p.want("study.person")
	}
	if p.rank >= 2 {
		p.want(variesExpr)
	}
	if p.rank >= 2 {
		p.want("series.id", "series.series_uid")
	}
	if p.rank >= 3 {
		p.want(instanceExprs...)
	}
	for _, r := range p.left {
		p.want(r.a.expr)
		if r.zoned {
			p.want(r.day.expr, r.clock.expr, offsetExpr)
		}
	}
	for _, c := range p.outputs() {
		p.want(c.expr)
	}
}

// order returns what the rows are sorted by.
func (p *plan) order() []order { return orders[p.rank] }

// rows yields the rows that match, Offset and Limit applied.
func (p *plan) rows(ctx context.Context) iter.Seq2[row, error] {
	p.columns()
	return func(yield func(row, error) bool) {
		skip, left := p.q.Offset, p.q.Limit
		if left == 0 {
			left = math.MaxInt
		}
		var after []any
		if skip > 0 && p.decided() {
			var err error
			if after, err = p.skip(ctx, skip); err != nil || after == nil {
				if err != nil {
					yield(row{}, err)
				}
				return
			}
			skip = 0
		}
		for n := 0; left > 0; {
			size := pageRows
			if p.decided() {
				size = min(size, left)
			}
			list, err := p.page(ctx, after, size)
			for _, r := range list {
				after = p.place(r)
				var ok bool
				if ok, err = p.holds(ctx, r); err != nil {
					break
				}
				switch {
				case !ok:
				case skip > 0:
					skip--
				case !yield(r, nil):
					return
				default:
					n, left = n+1, left-1
				}
				if left == 0 {
					break
				}
			}
			if err != nil {
				yield(row{}, err)
				return
			}
			if left == 0 && !p.passing {
				p.a.places.put(p, p.q.Offset+n, after)
			}
			if len(list) < size {
				return
			}
		}
	}
}

// holds decides what the statement could not.
func (p *plan) holds(ctx context.Context, r row) (bool, error) {
	own := len(p.owning) > 0 && r.varying()
	for _, l := range p.left {
		if (!own || !l.agreed) && !l.holds(p, r) {
			return false, nil
		}
	}
	if own {
		if ok, err := p.ownHolds(ctx, r); err != nil || !ok {
			return false, err
		}
	}
	if p.below != nil {
		if ok, err := p.exists(ctx, r); err != nil || !ok {
			return false, err
		}
	}
	if !p.looks() {
		return true, nil
	}
	d, err := p.header(ctx, r)
	return d != nil, err
}

// exists decides whether below a row there is what must be.
func (p *plan) exists(ctx context.Context, r row) (bool, error) {
	b := *p.below
	w := statement{args: slices.Clone(b.args)}
	switch p.rank {
	case 0:
		for _, o := range patientOrder {
			b.where += " and " + o.expr + " = " + w.arg(r.text(o.expr))
		}
	case 1:
		b.where += " and study.id = " + w.arg(r.text("study.id"))
	default:
		b.where += " and series.id = " + w.arg(r.text("series.id"))
	}
	b.args = w.args
	for _, err := range b.rows(ctx) {
		return err == nil, err
	}
	return false, nil
}

// page returns the next rows behind a place.
func (p *plan) page(ctx context.Context, after []any, size int) ([]row, error) {
	w := statement{args: slices.Clone(p.args)}
	text := p.where
	if after != nil {
		text += " and " + w.after(p.order(), after)
	}
	if p.rank == 0 {
		return p.patients(ctx, &w, text, size)
	}
	return p.fetch(ctx, "select "+strings.Join(p.exprs, ", ")+" from "+p.from+" where "+text+" order by "+p.sorted()+" limit "+strconv.Itoa(size), w.args)
}

// sorted returns the end of an order by. Where the conditions leave few rows, the
// order must not tempt the database to go through all studies by date instead.
func (p *plan) sorted() string {
	if !p.few || p.rank == 0 {
		return sorted(p.order())
	}
	by := slices.Clone(p.order())
	by[0].expr += " || ''"
	return sorted(by)
}

// patients returns the next patients: each has the attributes that the study of it
// says that arrived last.
func (p *plan) patients(ctx context.Context, w *statement, text string, size int) ([]row, error) {
	by := plainly(patientOrder)
	if p.asked >= 0 {
		by = strings.Replace(by, "study.patient_id", "study.patient_id || ''", 1) // find them first
	}
	groups := "select max(study.id) as latest, count(*) as n_studies, cast(sum(study.series_count) as bigint) as n_series, cast(sum(study.instance_count) as bigint) as n_instances from " +
		p.from + " where " + text + " group by " + by + " order by " + by + " limit " + strconv.Itoa(size)
	exprs := slices.Clone(p.exprs)
	for i, e := range exprs {
		if c, ok := aggregates[e]; ok {
			exprs[i] = "latest." + c
		}
	}
	return p.fetch(ctx, "select "+strings.Join(exprs, ", ")+" from ("+groups+") as latest join study on study.id = latest.latest order by "+sorted(patientOrder), w.args)
}

// aggregates name the counts of a patient within the statement of patients.
var aggregates = map[string]string{
	"count(*)": "n_studies",
	"cast(sum(study.series_count) as bigint)":   "n_series",
	"cast(sum(study.instance_count) as bigint)": "n_instances",
}

// fetch runs a statement that returns the wanted expressions.
func (p *plan) fetch(ctx context.Context, text string, args []any) ([]row, error) {
	return db.List(ctx, p.a.DB, func(r *db.Rows) (row, error) {
		one := row{p: p, v: make([]sql.NullString, len(p.exprs))}
		to := make([]any, len(one.v))
		for i := range to {
			to[i] = &one.v[i]
		}
		return one, r.Scan(to...)
	}, text, args...)
}

// sorted returns the end of an order by.
func sorted(by []order) string {
	all := make([]string, len(by))
	for i, o := range by {
		all[i] = o.expr
		if o.desc {
			all[i] += " desc"
		}
	}
	return strings.Join(all, ", ")
}

// plainly returns the expressions alone.
func plainly(by []order) string {
	all := make([]string, len(by))
	for i, o := range by {
		all[i] = o.expr
	}
	return strings.Join(all, ", ")
}

// after returns the condition for rows behind a place.
func (w *statement) after(by []order, at []any) string {
	o, v := by[0], w.arg(at[0])
	if o.number {
		v = "cast(" + v + " as bigint)"
	}
	than := " > "
	if o.desc {
		than = " < "
	}
	if len(by) == 1 {
		return o.expr + than + v
	}
	same := o.expr + strings.TrimRight(than, " ") + "= " + v // an index narrows by it
	return "(" + same + " and (" + o.expr + than + v + " or " + w.after(by[1:], at[1:]) + "))"
}

// place returns where a row stands in the order.
func (p *plan) place(r row) []any {
	at := make([]any, len(p.order()))
	for i, o := range p.order() {
		at[i] = r.text(o.expr)
		if n := r.int(o.expr); o.number && n != nil {
			at[i] = *n
		}
	}
	return at
}

// skip returns the place of the row that n rows end with, nil if there are not so
// many: the one remembered of whoever read up to there, or counted on an index.
func (p *plan) skip(ctx context.Context, n int) ([]any, error) {
	if at := p.a.places.get(p, n); at != nil {
		return at, nil
	}
	narrow := plan{a: p.a, site: p.site, rank: p.rank, at: map[string]int{}}
	for _, o := range p.order() {
		narrow.want(o.expr)
	}
	group := ""
	if p.rank == 0 {
		group = " group by " + plainly(patientOrder)
	}
	list, err := narrow.fetch(ctx, "select "+strings.Join(narrow.exprs, ", ")+" from "+p.from+" where "+p.where+group+
		" order by "+sorted(p.order())+" limit 1 offset "+strconv.Itoa(n-1), p.args)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return narrow.place(list[0]), nil
}

// count counts the rows; of levels below that of which something is asked, by the
// counts that stand there.
func (p *plan) count(ctx context.Context) (n int64, err error) {
	text := "select count(*) from " + p.from + " where " + p.where
	switch {
	case p.rank == 0:
		text = "select count(*) from (select 1 as one from " + p.from + " where " + p.where + " group by " + plainly(patientOrder) + ") as patients"
	case p.rank == 3 && p.asked < 2:
		text = "select cast(coalesce(sum(study.instance_count), 0) as bigint) from " + strings.Split(p.from, " join series ")[0] + " where " + p.where
	case p.rank == 3 && p.asked < 3:
		text = "select cast(coalesce(sum(series.instance_count), 0) as bigint) from " + strings.Split(p.from, " join instance on")[0] + " where " + p.where
	case p.rank == 2 && p.asked < 2:
		text = "select cast(coalesce(sum(study.series_count), 0) as bigint) from " + strings.Split(p.from, " join series ")[0] + " where " + p.where
	}
	err = p.a.DB.QueryRow(ctx, text, p.args...).Scan(&n)
	return n, err
}

// instance makes an Instance of a row.
func (p *plan) instance(r row) (i Instance, err error) {
	u := make([]string, 5)
	for n, e := range []string{"instance.sop_uid", "instance.sop_class", "study.study_uid", "series.series_uid", "instance.transfer_syntax"} {
		u[n] = r.text(e)
	}
	number := func(expr string) int64 {
		if n := r.int(expr); n != nil {
			return *n
		}
		return 0
	}
	i = Instance{
		ID: r.text("instance.id"), Site: p.site, Number: r.int("instance.instance_number"), Frames: r.int("instance.number_of_frames"),
		Length: number("instance.length"), Door: r.text("instance.door"), CallingAE: r.text("instance.calling_ae"),
		ReceivedAt: db.FromMillis(number("instance.received_at")), Repeats: number("instance.repeats"), datasetAt: number("instance.dataset_at"),
		corrected: r.text("study.corrected"),
	}
	copy(i.SHA256[:], r.text("instance.sha256"))
	i.ref.Pack, i.ref.Offset, i.ref.Length, i.ref.SHA256 = r.text("instance.pack"), number("instance.pack_offset"), i.Length, i.SHA256
	return i, uids(nil, u, []*uid.UID{&i.SOP, &i.SOPClass, &i.Study, &i.Series, &i.TransferSyntax}...)
}
