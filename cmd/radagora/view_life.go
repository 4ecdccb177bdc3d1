package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/fault"
	"radagora/person"
	"radagora/web"
	"radagora/web/face"
	"radagora/worklist"
)

// wholeLife shows what became of orders and studies. Whose they are is noted by whoever
// calls.
func (v *view) wholeLife(ctx context.Context, l worklist.Life, study, key string, when time.Time) (web.Life, error) {
	names, err := v.accountNames(ctx)
	if err != nil {
		return web.Life{}, err
	}
	out := web.Life{Study: study, May: access.Can(ctx, access.StepChange, access.Subject{Site: at})}
	for _, o := range l.Orders {
		day := ""
		for _, s := range l.Steps {
			if s.Kind == worklist.LifeScheduled && s.Order == o.ID {
				day = s.At.In(v.zone(ctx)).Format(time.DateOnly)
			}
		}
		out.Orders = append(out.Orders, web.LifeOrder{
			ID: o.ID, Accession: o.Accession, What: o.What, Suspected: o.Suspected, Href: "/images/worklist?day=" + day + "&open=" + o.ID + "#order",
		})
	}
	for _, s := range l.Steps {
		step := v.lifeStep(s)
		if step.Who, step.WhoKind, err = v.whom(ctx, names, s.By); err != nil {
			return out, err
		}
		out.Steps = append(out.Steps, step)
	}
	if out.Flags, err = v.flags(ctx, key, when); err != nil {
		return out, err
	}
	for _, o := range l.Orders {
		if o.Pregnancy == "" || slices.ContainsFunc(out.Flags, func(b web.BodySaid) bool { return b.Word == string(o.Pregnancy) }) {
			continue
		}
		days := v.Now().Sub(o.At)
		if !when.IsZero() {
			days = when.Sub(o.At)
		}
		out.Flags = append(out.Flags, web.BodySaid{
			Kind: "pregnancy", Word: string(o.Pregnancy), Source: "order", Origin: o.Accession, At: o.At, Days: wholeDays(days), Used: true, Examination: !when.IsZero(),
		})
	}
	return out, nil
}

// zone returns the time zone of the site, UTC if it cannot be read.
func (v *view) zone(ctx context.Context) *time.Location {
	zone, err := v.zoneOf(ctx, at)
	if err != nil {
		return time.UTC
	}
	return zone
}

// whom returns what people call who did something, by the names of accounts, and what that
// is as a key after who., "" for a person or machine.
func (v *view) whom(ctx context.Context, names map[string]string, id string) (name, kind string, err error) {
	if channel, ok := strings.CutPrefix(id, "hl7:"); ok {
		name, err = v.Connect.ChannelName(ctx, at, channel)
		return cmp.Or(name, channel), "hl7", err
	}
	if strings.HasPrefix(id, "system:") {
		return "", "system", nil
	}
	return cmp.Or(names[id], strings.TrimPrefix(id, peerAccount)), "", nil
}

// lifeStep shows one step, without who did it.
func (*view) lifeStep(s worklist.LifeStep) web.LifeStep {
	w := web.LifeStep{
		Kind: string(s.Kind), State: string(s.State), At: s.At, Until: s.Until, Local: s.Local, Way: s.Way, What: s.What,
		Machines: s.Machine, Count: s.Count, Expected: s.Expected, Match: string(s.Match), Reason: s.Reason, Problems: s.Problems, Todo: s.Todo,
		Study: s.Study,
	}
	if s.Report != "" {
		w.Href = "/reports/" + s.Report
	}
	for _, m := range slices.Sorted(maps.Keys(s.Series)) {
		w.Series = append(w.Series, face.Choice{Code: m, Label: m + " " + strconv.FormatInt(s.Series[m], 10)})
	}
	return w
}

// flags returns what is known of a pregnancy; when is that of an examination, zero for
// now.
func (v *view) flags(ctx context.Context, key string, when time.Time) ([]web.BodySaid, error) {
	if key == "" {
		return nil, nil
	}
	known, err := v.Persons.Known(ctx, v.DB, at, key, when)
	f, ok := known[person.Pregnancy]
	if err != nil || !ok {
		return nil, err
	}
	days := v.Now().Sub(f.At)
	if !when.IsZero() {
		days = when.Sub(f.At)
	}
	if days > 300*24*time.Hour || -days > 300*24*time.Hour {
		return nil, nil // of another pregnancy, if of one
	}
	origin, err := v.originOf(ctx, string(f.Source), f.Origin)
	return []web.BodySaid{{
		Kind: "pregnancy", Word: f.Value, Source: string(f.Source), Origin: origin, At: f.At, Days: wholeDays(days), Used: true, Examination: !when.IsZero(),
	}}, err
}

// wholeDays counts days; what is less than one is none.
func wholeDays(d time.Duration) int { return int(d / (24 * time.Hour)) }

// originOf returns what people call the origin of a fact.
func (v *view) originOf(ctx context.Context, source, origin string) (string, error) {
	switch person.Source(source) {
	case person.FromHL7:
		name, err := v.Connect.ChannelName(ctx, at, origin)
		return cmp.Or(name, origin), err
	case person.FromPerson, person.FromCSV, person.FromFHIR:
		names, err := v.accountNames(ctx)
		return cmp.Or(names[origin], origin), err
	case person.FromDICOM:
	}
	return origin, nil
}

// bodySaid shows a size that was considered.
func (v *view) bodySaid(ctx context.Context, s dose.Size, when time.Time) (web.BodySaid, error) {
	origin, err := v.originOf(ctx, s.Source, s.Origin)
	kind := "weight"
	if s.Field == dose.FieldHeight {
		kind = "height"
	}
	return web.BodySaid{
		Kind: kind, Value: s.Value, Unit: s.Unit, Received: s.Received, Source: s.Source, Origin: origin, At: s.At, Days: wholeDays(when.Sub(s.At)),
		Used: s.Used, Why: s.Why, Examination: true,
	}, err
}

// Match implements web.Matcher.
func (v worklistView) Match(ctx context.Context, m web.Matching) error {
	d := worklist.Decision{Study: m.Study, Undo: m.Undo, Order: m.Order}
	if m.Order != "" {
		_, err := v.house.Worklist.Get(ctx, at, m.Order)
		if fault.Of(err) == fault.NotFound && err != nil {
			list, err := v.house.Worklist.Numbered(ctx, at, worklist.Numbers{Accession: m.Order})
			list = slices.DeleteFunc(list, func(o worklist.Order) bool { return o.State == worklist.Cancelled })
			if err != nil {
				return err
			}
			if len(list) != 1 {
				return web.Refuse(map[string]string{"order": "done.match_unknown"})
			}
			d.Order = list[0].ID
		} else if err != nil {
			return err
		}
	}
	return v.house.Worklist.Decide(ctx, at, d)
}

// Size implements web.DoseCT.
func (v *view) Size(ctx context.Context, id string, said web.SizeSaid) error {
	study, _, _ := strings.Cut(id, "_")
	u, err := uid.Parse(study)
	if err != nil {
		return notFound("examination")
	}
	if err := v.mayStudy(ctx, access.ExaminationRead, u); err != nil {
		return err
	}
	s, err := v.Archive.Study(ctx, at, u)
	if err != nil {
		return err
	}
	when, err := v.measuredOn(ctx, study, said.Day)
	if err != nil || s.Person.Reveal() == "" {
		return web.Refuse(map[string]string{"day": "done.size_wrong"})
	}
	var facts []person.Fact
	for _, one := range []struct {
		kind        person.FactKind
		typed, unit string
	}{{person.Height, said.Height, "m"}, {person.Weight, said.Weight, "kg"}} {
		if one.typed == "" {
			continue
		}
		n, err := strconv.ParseFloat(strings.Replace(one.typed, ",", ".", 1), 64)
		if err != nil || n <= 0 {
			return web.Refuse(map[string]string{string(one.kind): "done.size_wrong"})
		}
		facts = append(facts, person.Fact{
			Site: at, Key: s.Person.Reveal(), Kind: one.kind, Value: strconv.FormatFloat(n, 'f', -1, 64), Received: one.typed + " " + one.unit,
			At: when, Source: person.FromPerson, Origin: access.From(ctx).ID,
		})
	}
	if len(facts) == 0 {
		return web.Refuse(map[string]string{"weight": "done.size_wrong"})
	}
	_, err = v.Persons.Say(ctx, facts...)
	return err
}

// measuredOn returns when something was measured on a day: at the time of the
// examination, if it was that day.
func (v *view) measuredOn(ctx context.Context, study, day string) (time.Time, error) {
	t, err := time.ParseInLocation(time.DateOnly, day, v.zone(ctx))
	if err != nil {
		return t, err
	}
	s, err := v.Dose.Study(ctx, at, study)
	if err != nil {
		return t, err
	}
	for _, i := range s.Items {
		if when := moment(cmp.Or(i.Started, i.Day), v.zone(ctx)); when.Format(time.DateOnly) == day {
			return when, nil
		}
	}
	return t.Add(12 * time.Hour), nil
}
