package archive

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/vr"
)

// outputs returns the columns that answers are made of.
func (p *plan) outputs() []attribute {
	var list []attribute
	for _, k := range p.answers {
		if a, ok := p.output(k.tag); ok {
			list = append(list, a)
		}
		if k.tag == tag.RequestAttributesSequence && p.rank >= 2 {
			list = append(list, columned[tag.ScheduledProcedureStepID], columned[tag.RequestedProcedureID])
		}
	}
	if p.zone != nil {
		for _, a := range list {
			if day, clock, ok := clockOf(a.tag); ok {
				list = append(list, day, clock, columned[tag.TimezoneOffsetFromUTC])
			}
		}
	}
	return list
}

// output returns the column or count for a tag, if rows of the level have it.
func (p *plan) output(t tag.Tag) (attribute, bool) {
	a, ok := columned[t]
	if c, is := counts[t]; is {
		a, ok = c, c.rank > 0 || p.rank == 0
	}
	return a, ok && a.within == 0 && a.rank <= p.rank
}

// wanted returns the keys to be answered: those of the query, the UIDs of the level
// and of those above, and for All everything the index has.
func (p *plan) wanted() []key {
	list := append([]key{}, p.keys...)
	seen := map[tag.Tag]bool{}
	for _, k := range list {
		seen[k.tag] = true
	}
	add := func(t tag.Tag) {
		if !seen[t] {
			seen[t] = true
			list = append(list, key{tag: t, vr: tag.VROf(t)})
		}
	}
	for rank := min(1, p.rank); rank <= p.rank; rank++ {
		add(uniques[rank])
	}
	if p.q.All {
		for _, tables := range []map[tag.Tag]attribute{columned, counts} {
			for t := range tables {
				if _, ok := p.output(t); ok {
					add(t)
				}
			}
		}
		if p.rank >= 2 {
			add(tag.RequestAttributesSequence)
		}
	}
	return list
}

// answer makes the data set of a row.
func (p *plan) answer(ctx context.Context, r row) (*dicom.Dataset, error) {
	m, err := p.described(ctx, r)
	if err != nil {
		return nil, err
	}
	b := builder{Builder: dicom.NewBuilder()}
	if p.q.All && m != nil {
		if b.Builder, err = p.everything(m).builder(); err != nil {
			return nil, err
		}
		b.unicode = true
	}
	var d *dicom.Dataset
	if m != nil && len(p.beyonds) > 0 {
		if d, err = m.only(p.beyonds).dataset(); err != nil {
			return nil, err
		}
	}
	for _, k := range p.answers {
		if err := p.element(ctx, &b, r, d, k); err != nil {
			return nil, err
		}
	}
	if err := p.corrected(&b, r, m); err != nil {
		return nil, err
	}
	if b.unicode {
		b.Text(tag.SpecificCharacterSet, "ISO_IR 192")
	}
	return b.Dataset()
}

// described returns the header that answers are completed from, or nil if the index
// has all that is asked for.
func (p *plan) described(ctx context.Context, r row) (members, error) {
	if !p.q.All && len(p.beyonds) == 0 && !p.apart(r) {
		return nil, nil
	}
	return p.header(ctx, r)
}

// apart reports whether a series or instance may be of another patient than its study
// says, because it was corrected or the instances of the study do not agree.
func (p *plan) apart(r row) bool {
	return p.rank >= 2 && (r.text("study.corrected") != "" || r.varying())
}

// corrected says of patient and study of a series or instance what that says itself under
// its corrections, not what its study says.
func (p *plan) corrected(b *builder, r row, m members) error {
	if m == nil || !p.apart(r) || !p.q.Reach.Identity {
		return nil
	}
	var own []key
	for _, k := range p.answers {
		if slices.Contains(correctable, k.tag) || r.varying() && p.owns(k) {
			own = append(own, k)
		}
	}
	d, err := m.only(dated(own)).dataset()
	if err != nil {
		return err
	}
	for _, k := range own {
		day, clock, ok := clockOf(k.tag)
		switch _, is := owned[k.tag]; {
		case !ok || !is:
		case k.tag == day.tag:
			date, _ := p.ownMoment(d, day, clock)
			b.texts(k.tag, k.vr, fields(date)...)
			continue
		default:
			_, at := p.ownMoment(d, day, clock)
			b.texts(k.tag, k.vr, fields(at)...)
			continue
		}
		if c, ok := owned[k.tag]; ok && (k.vr == vr.DA || k.vr == vr.TM) {
			b.texts(k.tag, k.vr, fields(c.read(d, k.tag))...)
			continue
		}
		b.texts(k.tag, k.vr, d.Texts(k.tag)...)
	}
	return nil
}

// beyond reports whether rows do not have what a key wants returned.
func (p *plan) beyond(k key) bool {
	if k.tag == tag.RequestAttributesSequence {
		return p.rank < 2 || !inColumns(k)
	}
	return rankOf(k.tag) < 0
}

// may reports whether an attribute of prepared metadata may be shown.
func (p *plan) may(t tag.Tag) bool { return p.q.Reach.Identity || described[t] }

// element answers one key.
func (p *plan) element(ctx context.Context, b *builder, r row, d *dicom.Dataset, k key) error {
	a, ok := p.output(k.tag)
	switch {
	case identities[k.tag] && !p.q.Reach.Identity:
		b.texts(k.tag, k.vr)
	case k.tag == tag.SOPClassesInStudy && p.rank >= 1:
		list, err := db.List(ctx, p.a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
			`select distinct sop_class from instance join series on series.id = instance.series where series.study = $1 order by sop_class`, r.text("study.id"))
		if err != nil {
			return err
		}
		b.texts(k.tag, k.vr, list...)
	case ok && a.several:
		b.texts(k.tag, k.vr, fields(r.text(a.expr))...)
	case ok && k.tag == tag.TimezoneOffsetFromUTC && p.zone != nil:
		b.texts(k.tag, k.vr, p.zone.String())
	case ok:
		b.texts(k.tag, k.vr, fields(p.zone.text(r, a))...)
	case k.tag == tag.RequestAttributesSequence && !p.beyond(k):
		b.request(r)
	case d != nil && p.may(k.tag):
		b.from(d, k)
	default:
		b.empty(k)
	}
	return nil
}

// fields cuts a text at its backslashes; none if it is empty.
func fields(s string) []string {
	if s = strings.Trim(s, `\`); s == "" {
		return nil
	}
	return strings.Split(s, `\`)
}

// A builder makes an answer. It takes what objects say as they say it, be it against
// the standard.
type builder struct {
	*dicom.Builder
	unicode bool // there is text beyond ASCII
}

// texts sets an element to values.
func (b *builder) texts(t tag.Tag, v vr.VR, values ...string) {
	s := strings.Join(values, `\`)
	switch {
	case v == vr.SQ:
		b.Sequence(t)
	case s == "" || v == vr.UN:
		b.Bytes(t, v, nil)
	case !v.Textual():
		b.numbers(t, values)
	default:
		b.unicode = b.unicode || !plain(s)
		b.Bytes(t, v, []byte(s))
	}
}

// numbers sets an element of binary numbers; empty if one does not fit.
func (b *builder) numbers(t tag.Tag, values []string) {
	var all []int64
	for _, s := range values {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			all = append(all, n)
		}
	}
	one := dicom.NewBuilder().Int(t, all...)
	if d, err := one.Dataset(); err == nil {
		if e, ok := d.Element(t); ok {
			b.Copy(e)
			return
		}
	}
	b.Bytes(t, tag.VROf(t), nil)
}

// empty sets an element without value.
func (b *builder) empty(k key) {
	v := k.vr
	if v == 0 || !v.Known() {
		v = vr.UN
	}
	b.texts(k.tag, v)
}

// request sets Request Attributes to what the index has of them.
func (b *builder) request(r row) {
	step, procedure := r.text(columned[tag.ScheduledProcedureStepID].expr), r.text(columned[tag.RequestedProcedureID].expr)
	if step+procedure == "" {
		b.Sequence(tag.RequestAttributesSequence)
		return
	}
	item := builder{Builder: dicom.NewBuilder()}
	item.texts(tag.RequestedProcedureID, vr.SH, fields(procedure)...)
	item.texts(tag.ScheduledProcedureStepID, vr.SH, fields(step)...)
	b.unicode = b.unicode || item.unicode
	b.Sequence(tag.RequestAttributesSequence, item.Builder)
}

// from sets an element to what a header has: of a sequence the attributes asked for.
func (b *builder) from(d *dicom.Dataset, k key) {
	e, ok := d.Element(k.tag)
	if !ok || tooLong(e) {
		b.empty(k)
		return
	}
	if !e.Sequence() || len(k.items) == 0 {
		b.copy(e)
		return
	}
	var items []*dicom.Builder
	for _, d := range e.Items() {
		item := builder{Builder: dicom.NewBuilder()}
		for _, i := range k.items {
			item.from(d, i)
		}
		items = append(items, item.Builder)
	}
	b.Sequence(k.tag, items...)
}

// copy sets an element to what a header has; what is too long in items is left out.
func (b *builder) copy(e dicom.Element) {
	if !e.Sequence() {
		b.Copy(e)
		return
	}
	var items []*dicom.Builder
	for _, d := range e.Items() {
		item := builder{Builder: dicom.NewBuilder()}
		for e := range d.All() {
			if !tooLong(e) && e.Tag().Element() != 0 {
				item.copy(e)
			}
		}
		items = append(items, item.Builder)
	}
	b.Sequence(e.Tag(), items...)
}

// everything returns what a header has: at the level of instances all of it that is no
// bulk data, above that what belongs to the level.
func (p *plan) everything(m members) members {
	var some members
	for _, one := range m {
		t := one.tag
		if t.Group() == pixelGroup || len(one.raw) > answerLimit || !p.may(t) || p.rank < 3 && !common(t, p.rank) {
			continue
		}
		some = append(some, one)
	}
	return some
}

// answerLimit is how many bytes a value may have to stand in an answer.
const answerLimit = 64 << 10

func tooLong(e dicom.Element) bool {
	return e.Encapsulated() || !e.Sequence() && e.Length() > answerLimit
}
