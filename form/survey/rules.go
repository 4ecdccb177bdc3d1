package survey

import (
	"context"
	"strconv"

	"radagora/content"
	"radagora/db"
	"radagora/evidence"
	"radagora/fault"
	"radagora/form"
)

// ruleSet is the content that says how results are told.
const ruleSet = "survey/rules"

// Rules are numbers of the content.
type Rules struct {
	Least  int // answers that a group must have to be told
	Step   int // complete answers that must have come before results are told anew
	Usable int // percent of the questions asked that make an answer usable
	Ref    content.Ref
}

// Rules returns the rules of a site.
func (d *Desk) Rules(siteID string) (r Rules, err error) {
	set, ok := d.Content.Set(siteID, ruleSet)
	if !ok {
		return r, fault.Errorf(fault.NotFound, "no content set %s", ruleSet)
	}
	t, err := set.Table("rules")
	if err != nil {
		return r, err
	}
	r.Ref = set.Ref()
	into := map[string]*int{"min_group": &r.Least, "result_step": &r.Step, "usable_share": &r.Usable}
	for row := range t.All() {
		n, ok := into[row.Text("key")]
		if !ok {
			continue
		}
		if *n, err = strconv.Atoi(row.Text("value")); err != nil || *n < 1 {
			return r, fault.Errorf(fault.Invalid, "content set %s: rule %s is a number from 1", ruleSet, row.Text("key"))
		}
		delete(into, row.Text("key"))
	}
	for key := range into {
		return r, fault.Errorf(fault.Invalid, "content set %s: rule %s is missing", ruleSet, key)
	}
	return r, nil
}

// A measure is a question of a form that the evidence counts.
type measure struct {
	form, question string
	top            map[string]bool // codes of the answers that are good
}

// measures are the questions that ask patients for their experience.
func (d *Desk) measures(siteID string) (all map[string]measure, ref content.Ref, err error) {
	set, ok := d.Content.Set(siteID, ruleSet)
	if !ok {
		return nil, ref, fault.Errorf(fault.NotFound, "no content set %s", ruleSet)
	}
	t, err := set.Table("measures")
	if err != nil {
		return nil, ref, err
	}
	all = map[string]measure{}
	for row := range t.All() {
		m := measure{form: row.Text("form"), question: row.Text("question"), top: map[string]bool{}}
		for _, code := range row.List("top") {
			m.top[code] = true
		}
		all[m.form] = m
	}
	return all, set.Ref(), nil
}

// Facts returns the facts of the evidence catalogue that the room can compute.
func (d *Desk) Facts() []evidence.Fact {
	return []evidence.Fact{
		{ID: "form.patient_responses", Value: d.experience(false)},
		{ID: "form.patient_satisfaction", Value: d.experience(true)},
	}
}

// experience counts the complete answers of patients, or the share of those whose answer
// to the question that sums up is one of the good ones. A share of fewer answers than a
// group must have is not told. The day of an answer is that of its last change.
func (d *Desk) experience(share bool) func(context.Context, evidence.Query) (evidence.Value, error) {
	return func(ctx context.Context, q evidence.Query) (v evidence.Value, err error) {
		v.Provenance = evidence.Provenance{AsOf: d.Now(), How: "survey.experience/1", Content: []content.Ref{}}
		measures, ref, err := d.measures(q.Site)
		if err != nil {
			return v, err
		}
		rules, err := d.Rules(q.Site)
		if err != nil {
			return v, err
		}
		here, err := d.Site(ctx, q.Site)
		if err != nil {
			return v, err
		}
		v.Provenance.Content = append(v.Provenance.Content, ref)
		from, until := here.Day(q.From), here.Day(q.Until)
		surveys, err := d.Surveys(ctx, q.Site)
		if err != nil {
			return v, err
		}
		for _, s := range surveys {
			m, ok := measures[s.URL]
			if !ok || s.State == Draft || s.State == Cleared {
				continue
			}
			err := d.each(ctx, d.DB, &s, func(a *answer, session *form.Session) error {
				if a.day < from || a.day > until {
					return nil
				}
				codes := codesOf(session, m.question)
				if share && len(codes) == 0 {
					return nil
				}
				v.N++
				v.Denominator++
				if !share || m.top[codes[0]] {
					v.Numerator++
				}
				return nil
			})
			if err != nil {
				return v, err
			}
		}
		if !share {
			v.Denominator = 0
		} else if v.N < rules.Least {
			v.N, v.Numerator, v.Denominator = 0, 0, 0
		}
		return v, nil
	}
}

// codesOf are the codes that were chosen.
func codesOf(s *form.Session, linkID string) (all []string) {
	visit(s.Nodes, func(n *form.Node) {
		if n.Item.LinkID != linkID {
			return
		}
		for _, a := range n.Answers {
			all = append(all, a.Value.Get("code").Text())
		}
	})
	return all
}

// visit calls f with every node that is asked.
func visit(nodes []*form.Node, f func(*form.Node)) {
	for _, n := range nodes {
		if !n.Enabled() {
			continue
		}
		f(n)
		visit(n.Nodes, f)
		for _, a := range n.Answers {
			visit(a.Nodes, f)
		}
	}
}

// each calls f with every complete answer of a survey, in the order of their random places.
func (d *Desk) each(ctx context.Context, q db.Querier, s *Survey, f func(*answer, *form.Session) error) error {
	def, _, err := d.Forms.Form(ctx, s.Site, s.URL, s.Version)
	if err != nil {
		return err
	}
	const page = 500
	for after := int64(-1); ; {
		all, err := db.List(ctx, q, scanAnswer, selectAnswer+` where site_id = $1 and survey_id = $2 and state = 'complete' and slot > $3 order by slot limit $4`, s.Site, s.ID, after, page)
		if err != nil || len(all) == 0 {
			return err
		}
		for i := range all {
			session, err := d.resume(ctx, def, all[i].resource)
			if err != nil {
				return err
			}
			if err := f(&all[i], session); err != nil {
				return err
			}
		}
		after = all[len(all)-1].slot
	}
}
