package archive

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"radagora/dicom/tag"
	"radagora/dicom/vr"
	"radagora/fault"
)

// A statement is conditions in the making, and what stands for their arguments.
type statement struct {
	conditions []string
	below      [4][]string // conditions of levels below that of the query
	selective  bool        // those below find few rows by an index
	byID       bool        // studies are found by their ids
	own        []string    // conditions of studies, of such that do not vary
	args       []any
}

// arg adds an argument and returns what stands for it.
func (w *statement) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

// and adds a condition.
func (w *statement) and(condition string) { w.conditions = append(w.conditions, condition) }

// on adds a condition of a level to the query, or to what must exist below it.
func (w *statement) on(p *plan, rank int, condition string) {
	p.asked = max(p.asked, rank)
	if rank <= max(p.rank, 1) {
		w.and(condition)
		return
	}
	w.below[rank] = append(w.below[rank], condition)
}

// sources returns the tables of the query's level, and before them those who are
// within reach: the few relations come first and studies are looked up by them.
func (w *statement) sources(p *plan) string {
	from := "study"
	rows, args := p.q.Reach.Rows(p.site, p.a.Now(), len(w.args)+1)
	if rows != "" {
		w.args = append(w.args, args...)
		from = `(select study.id as within_id from (` + rows + `) as reach join study on study.site_id = $1 and study.person <> '' and study.person = reach.person where reach.person <> ''
			union select study.id from (` + rows + `) as reach join study on study.site_id = $1 and study.study_uid = reach.study where reach.study <> ''
			) as within cross join study`
		w.and("study.id = within_id")
	}
	if p.rank >= 2 {
		from += " join series on series.study = study.id"
	}
	if p.rank >= 3 {
		from += " join instance on instance.series = series.id"
	}
	return from
}

// lower adds what must exist below the query's level: one series, and in it one
// instance, that match everything asked of them. Where a UID is asked for, the few
// rows are found first.
func (w *statement) lower(p *plan) {
	series, image := w.below[2], w.below[3]
	if len(series)+len(image) == 0 {
		return
	}
	conditions := append(append([]string{}, series...), image...)
	var from, outer, inner string
	switch {
	case p.rank >= 2:
		from, outer, inner = "instance", "series.id", "instance.series"
	case len(image) > 0:
		from, outer, inner = "series join instance on instance.series = series.id", "study.id", "series.study"
	default:
		from, outer, inner = "series", "study.id", "series.study"
	}
	if w.selective {
		w.byID = w.byID || p.rank < 2
		w.and(outer + " in (select " + inner + " from " + from + " where " + strings.Join(conditions, " and ") + ")")
		return
	}
	w.and("exists (select 1 from " + from + " where " + inner + " = " + outer + " and " + strings.Join(conditions, " and ") + ")")
}

// key adds what a key asks.
func (p *plan) key(ctx context.Context, w *statement, k key) error {
	if k.asks() && !p.q.Reach.Identity && (identities[k.tag] || p.beyond(k) && !described[k.tag]) {
		return fault.Errorf(fault.Forbidden, "%v: searching by patient or accession number is for those who may see identities", k.tag)
	}
	if !k.asks() {
		return nil
	}
	p.minimise(&k)
	a, indexed := columned[k.tag]
	switch {
	case k.vr == vr.SQ && k.tag == tag.RequestAttributesSequence && inColumns(k):
		for _, i := range k.items {
			if i.asks() {
				p.column(w, columned[i.tag], i)
			}
		}
	case k.tag == tag.ModalitiesInStudy:
		return p.modality(ctx, w, k)
	case k.tag == tag.SOPClassesInStudy:
		w.and("exists (select 1 from series join instance on instance.series = series.id where series.study = study.id and " +
			w.oneOf("instance.sop_class", k) + ")")
	case indexed && a.within == 0:
		conditions, left := len(w.conditions), len(p.left)
		p.column(w, a, k)
		p.own(w, k, conditions, left)
		return p.rare(ctx, a, k)
	case counts[k.tag].tag != 0 || rankOf(k.tag) >= 0: // counts are returned and not compared
	default:
		p.headers = append(p.headers, k)
	}
	return nil
}

// fewRows is up to how many rows it is better to find them first and sort them then.
const fewRows = 2000

// rare looks whether few studies have a name or an identifier that begins so.
func (p *plan) rare(ctx context.Context, a attribute, k key) error {
	if p.few || a.rank > 1 || k.vr != vr.PN && k.tag != tag.PatientID && k.tag != tag.AccessionNumber {
		return nil
	}
	w := statement{args: []any{p.site}}
	var all []string
	for _, t := range k.terms {
		if t.op == absent || strings.IndexAny(t.text, "*?=") == 0 || k.vr == vr.PN && p.q.Fuzzy {
			return nil // no index finds it
		}
		condition, _ := p.term(&w, a, t)
		all = append(all, condition)
	}
	var n int64
	err := p.a.DB.QueryRow(ctx, `select count(*) from (select 1 from study where site_id = $1 and `+either(all)+` limit `+strconv.Itoa(fewRows+1)+`) as s`, w.args...).Scan(&n)
	p.few = n <= fewRows
	return err
}

// inColumns reports whether the index has all that a Request Attributes key names.
func inColumns(k key) bool {
	for _, i := range k.items {
		if a, ok := columned[i.tag]; !ok || a.within != k.tag {
			return false
		}
	}
	return true
}

// minimise makes of what is asked for what a minimised installation keeps.
func (p *plan) minimise(k *key) {
	m := p.a.Minimise
	if m == nil {
		return
	}
	terms := make([]term, len(k.terms))
	copy(terms, k.terms)
	for i, t := range terms {
		switch {
		case t.op != equal:
		case k.tag == tag.PatientID:
			terms[i].text = m.hash("patient", t.text, hashLength)
		case k.tag == tag.AccessionNumber:
			terms[i].text = m.accession(t.text)
		case k.tag == tag.PatientName:
			terms[i].text = m.name(t.text)
		}
	}
	k.terms = terms
}

// column adds what a key asks of a column. Where the statement finds more than the
// key means, the rest is decided on the rows.
func (p *plan) column(w *statement, a attribute, k key) {
	switch k.tag {
	case tag.SeriesInstanceUID, tag.SOPInstanceUID:
		w.selective, p.few = true, true
		w.on(p, a.rank, strings.SplitN(a.expr, ".", 2)[0]+".site_id = $1") // for the index of site and UID
	case tag.StudyInstanceUID:
		p.few = true
	case tag.PatientID, tag.AccessionNumber:
		p.few = p.few || !slices.ContainsFunc(k.terms, func(t term) bool { return t.op != equal })
	}
	if partial[a.expr] && !slices.ContainsFunc(k.terms, func(t term) bool { return t.op == absent }) {
		w.on(p, a.rank, a.expr+" <> ''") // what its index holds
	}
	if p.zone != nil && (a.vr() == vr.DA || a.vr() == vr.TM) {
		p.zoned(w, a, k)
		return
	}
	if a.vr() == vr.UI {
		w.on(p, a.rank, w.oneOf(a.expr, k))
		return
	}
	if k.pair != nil {
		w.on(p, a.rank, w.moment(a.expr, columned[k.pair.tag].expr, k))
		return
	}
	var all []string
	exact := true
	for _, t := range k.terms {
		condition, same := p.term(w, a, t)
		all = append(all, condition)
		exact = exact && same
	}
	w.on(p, a.rank, either(all))
	if !exact {
		p.decide(residual{a: a, k: k})
	}
}

// partial are the columns whose indexes hold what is not empty.
var partial = map[string]bool{"study.accession_number": true, "series.performed_step_start_date": true}

// decide has something decided that the statement cannot: on the rows, or for what lies
// below them and for patients, whose rows are several studies, by a look there.
func (p *plan) decide(r residual) {
	if p.rank == 0 || r.a.rank > p.rank {
		p.unsure = true
		return
	}
	p.left = append(p.left, r)
}

// either joins alternatives.
func either(all []string) string {
	if len(all) == 1 {
		return all[0]
	}
	return "(" + strings.Join(all, " or ") + ")"
}

// oneOf compares a column with a list.
func (w *statement) oneOf(expr string, k key) string {
	marks := make([]string, 0, len(k.terms))
	empty := false
	for _, t := range k.terms {
		if t.op == absent {
			empty = true
			continue
		}
		marks = append(marks, w.arg(t.text))
	}
	if empty {
		marks = append(marks, "''")
	}
	if len(marks) == 1 {
		return expr + " = " + marks[0]
	}
	return expr + " in (" + strings.Join(marks, ", ") + ")"
}

// term returns the condition of one alternative, and whether it means the same.
func (p *plan) term(w *statement, a attribute, t term) (condition string, exact bool) {
	v := a.vr()
	number := v == vr.IS || v == vr.US
	switch {
	case t.op == absent && number:
		return a.expr + " is null", true
	case t.op == absent && a.several:
		return "(" + a.expr + " = '')", true
	case t.op == absent:
		return a.expr + " = ''", true
	case number:
		return a.expr + " = cast(" + w.arg(t.text) + " as bigint)", true
	case v == vr.DA:
		return w.days(a.expr, t), true
	case v == vr.TM:
		return w.times(a.expr, t), true
	case v == vr.PN:
		return p.name(w, a, t)
	case a.several:
		return w.containing(a.expr, t), false
	case t.op == equal:
		return a.expr + " = " + w.arg(t.text), true
	}
	return w.pattern(a.expr, t.text)
}

// containing finds a superset of the rows of which one of several values matches.
func (w *statement) containing(expr string, t term) string {
	if t.op == equal {
		return "replace(" + expr + ", " + w.arg(t.text) + ", '') <> " + expr
	}
	return expr + " like " + w.arg("%"+likely(t.text)+"%") + ` escape '!'`
}

// days compares a column of dates.
func (w *statement) days(expr string, t term) string {
	if t.op == equal {
		return expr + " = " + w.arg(t.text)
	}
	all := []string{expr + " <> ''"}
	if t.from != "" {
		all[0] = expr + " >= " + w.arg(t.from) // '' is before all
	}
	if t.to != "" {
		all = append(all, expr+" <= "+w.arg(t.to))
	}
	return "(" + strings.Join(all, " and ") + ")"
}

// behind stands after everything that a time may go on with.
const behind = ":"

// times compares a column of times, which stand there as far as they were given. A
// time that is asked for means all of its last unit: 1015 is that minute.
func (w *statement) times(expr string, t term) string {
	if t.op == equal {
		if whole, fraction, ok := strings.Cut(t.text, "."); ok {
			return w.oneOf(expr, key{terms: fractions(whole, fraction)})
		}
		t = term{op: between, from: t.text, to: t.text}
	}
	all := []string{expr + " <> ''"}
	if t.from != "" {
		all[0] = expr + " >= " + w.arg(t.from)
	}
	if t.to != "" {
		all = append(all, expr+" < "+w.arg(t.to+behind))
	}
	return "(" + strings.Join(all, " and ") + ")"
}

// fractions returns the ways to write a time with a fraction.
func fractions(whole, fraction string) []term {
	f := strings.TrimRight(fraction, "0")
	var all []term
	if f == "" {
		all = append(all, term{text: whole})
	}
	for n := max(len(f), 1); n <= 6; n++ {
		all = append(all, term{text: whole + "." + f + strings.Repeat("0", n-len(f))})
	}
	return all
}

// moment compares a date and its time as one (PS3.4 C.2.2.2.5.4).
func (w *statement) moment(day, clock string, k key) string {
	d, t := k.terms[0], k.pair.terms[0]
	all := []string{day + " <> ''"}
	if d.from != "" {
		from := w.arg(d.from)
		all = append(all, day+" >= "+from)
		if t.from != "" {
			all = append(all, "("+day+" > "+from+" or "+clock+" >= "+w.arg(t.from)+")")
		}
	}
	if d.to != "" {
		to := w.arg(d.to)
		all = append(all, day+" <= "+to)
		if t.to != "" {
			all = append(all, "("+day+" < "+to+" or "+clock+" < "+w.arg(t.to+behind)+")")
		}
	}
	return "(" + strings.Join(all, " and ") + ")"
}

// pattern compares a column of text with asterisks and question marks. A beginning
// is exact; what like finds is more on engines where it ignores case.
func (w *statement) pattern(expr, pattern string) (condition string, exact bool) {
	begin := pattern[:strings.IndexAny(pattern, "*?")]
	if pattern == begin+"*" {
		return w.begins(expr, begin), true
	}
	condition = expr + " like " + w.arg(likely(pattern)) + ` escape '!'`
	if begin != "" {
		condition = "(" + w.begins(expr, begin) + " and " + condition + ")"
	}
	return condition, false
}

// begins finds texts by an index.
func (w *statement) begins(expr, begin string) string {
	return "(" + expr + " >= " + w.arg(begin) + " and " + expr + " < " + w.arg(begin+"\U0010ffff") + ")"
}

// likely makes a pattern for like, with ! before what it would take for its own.
func likely(pattern string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_", "*", "%", "?", "_").Replace(pattern)
}

// name compares a column of names. The folded columns decide, where there are any for
// all that is asked.
func (p *plan) name(w *statement, a attribute, t term) (condition string, exact bool) {
	if a.folded == "" || p.q.Fuzzy {
		return "1 = 1", false
	}
	groups := strings.Split(t.text, "=")
	if len(groups) > 1 {
		if first := foldGroup(groups[0]); first != "" {
			return w.folded(a.folded, first), false
		}
		return "1 = 1", false
	}
	if a.other == "" && !alphabetic(t.text) {
		return "1 = 1", false
	}
	condition = w.folded(a.folded, foldGroup(t.text))
	if alphabetic(t.text) {
		if a.other == "" { // its index holds what is not empty
			condition = "(" + condition + " and " + a.folded + " <> '')"
		}
		return condition, true
	}
	return "(" + condition + " or " + a.other + " <> '')", false
}

// folded compares a folded column, whose patterns are folded too. Components that
// are empty at the end are not kept there.
func (w *statement) folded(expr, pattern string) string {
	if !strings.ContainsAny(pattern, "*?") {
		return expr + " = " + w.arg(pattern)
	}
	var all []string
	for _, one := range shorter(pattern) {
		if strings.ContainsAny(one, "*?") {
			condition, _ := w.pattern(expr, one)
			all = append(all, condition)
		} else {
			all = append(all, expr+" = "+w.arg(one))
		}
	}
	return either(all)
}

// shorter returns a pattern of names, and what is left of it when components at its
// end that may be empty are.
func shorter(pattern string) []string {
	all := []string{pattern}
	for {
		cut, ok := strings.CutSuffix(strings.TrimRight(pattern, "^"), "^*")
		if !ok {
			return all
		}
		pattern = strings.TrimRight(cut, "^")
		all = append(all, pattern)
	}
}

// foldGroup folds one group of a name.
func foldGroup(s string) string {
	alphabetic, _ := FoldName(strings.ReplaceAll(s, "=", " "))
	return alphabetic
}

// modality asks for the modalities of a study. Where few series have one, they are
// found first; where many have, they are met soon among the studies in order.
func (p *plan) modality(ctx context.Context, w *statement, k key) error {
	a := columned[tag.ModalitiesInStudy]
	var all []string
	for _, t := range k.terms {
		if t.op != equal {
			condition, exact := p.term(w, a, t)
			if all = append(all, condition); !exact {
				p.decide(residual{a: a, k: k})
			}
			continue
		}
		var n int64
		err := p.a.DB.QueryRow(ctx, `select count(*) from (select 1 from series where site_id = $1 and modality = $2 limit `+strconv.Itoa(fewRows+1)+`) as s`,
			p.site, t.text).Scan(&n)
		if err != nil {
			return err
		}
		if n <= fewRows {
			p.few, w.byID = true, len(k.terms) == 1
			all = append(all, "study.id in (select series.study from series where series.site_id = $1 and series.modality = "+w.arg(t.text)+")")
			continue
		}
		all = append(all, "replace(study.modalities, "+w.arg(`\`+t.text+`\`)+", '') <> study.modalities")
	}
	w.and(either(all))
	return nil
}
