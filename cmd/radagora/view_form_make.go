package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"radagora/evidence"
	"radagora/fault"
	"radagora/form"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// MakeForm implements web.Forms.
func (v formView) MakeForm(ctx context.Context, who web.Person, title, language string) (web.FormHead, error) {
	f, err := v.house.Forms.Make(ctx, at, title, language, who.ID)
	return formHead(f, language), err
}

// NextForm implements web.Forms.
func (v formView) NextForm(ctx context.Context, who web.Person, url, version string) (web.FormHead, error) {
	f, err := v.house.Forms.Next(ctx, at, url, version, who.ID)
	return formHead(f, ""), err
}

// DiscardForm implements web.Forms.
func (v formView) DiscardForm(ctx context.Context, who web.Person, url, version string) error {
	return v.house.Forms.Discard(ctx, at, url, version, who.ID)
}

// FormDesign implements web.Forms.
func (v formView) FormDesign(ctx context.Context, language, url, version, item string) (web.FormDesign, error) {
	def, f, err := v.house.Forms.Form(ctx, at, url, version)
	if err != nil {
		return web.FormDesign{}, err
	}
	if f.State != form.Draft || f.Shipped {
		return web.FormDesign{}, fault.Errorf(fault.Conflict, "version %s was published and does not change any more: make the next one", f.Version)
	}
	out := web.FormDesign{FormHead: formHead(f, language), Seen: f.Digest, Language: def.Language, Languages: slices.Concat(def.Languages, def.Begun)}
	titles := def.Titles()
	for l := range titles {
		if !slices.Contains(out.Languages, l) {
			out.Languages = append(out.Languages, l)
		}
	}
	slices.Sort(out.Languages[1:])
	out.Titles = formTexts(titles)
	_, problems := form.Parse(f.Resource)
	out.Problems = formProblems(problems)
	p := v.catalogue.Printer(language)
	out.Rows = designRows(p, def, def.Items)
	for _, it := range def.All() {
		if it.Type == form.Group || it.Type == form.Display {
			continue
		}
		out.Count++
		c := web.FormChoice{LinkID: it.LinkID, Text: it.Text(""), Number: slices.Contains([]form.Type{form.Integer, form.Decimal}, it.Type)}
		for _, o := range it.Options {
			c.Weighed = c.Weighed || o.Score != ""
			c.Options = append(c.Options, o.Text(""))
		}
		out.Questions = append(out.Questions, c)
	}
	if item == "" {
		return out, nil
	}
	q, err := def.Question(item)
	if fault.Of(err) == fault.NotFound { // it was taken away: the outline says what there is
		return out, nil
	}
	for i := range q.When {
		q.When[i].Answer = spokenAnswer(p, def, q.When[i])
	}
	out.Question = designQuestion(&q)
	for _, d := range v.Evidence.Definitions() {
		out.Facts = append(out.Facts, face.Choice{Code: d.ID, Label: d.ID + ": " + d.Meaning})
	}
	return out, err
}

// formTexts lists texts by language.
func formTexts(texts map[string]string) (all []web.FormText) {
	for l, t := range texts {
		all = append(all, web.FormText{Language: l, Text: t})
	}
	slices.SortFunc(all, func(a, b web.FormText) int { return strings.Compare(a.Language, b.Language) })
	return all
}

// designRows outlines items.
func designRows(p *lang.Printer, def *form.Definition, items []*form.Item) (all []web.FormRow) {
	for _, it := range items {
		r := web.FormRow{
			LinkID: it.LinkID, Prefix: it.Prefix, Text: it.Text(""), Type: string(it.Type), Required: it.Required, Repeats: it.Repeats, Hidden: it.Hidden,
			Computed: it.Calculated != nil, Fact: it.Fact, Ways: def.Ways(it), Rows: designRows(p, def, it.Items),
		}
		for _, w := range it.Asked() {
			r.Asked = append(r.Asked, strings.TrimSpace(w.Question+" "+operatorWord(p, w.Operator)+" "+spokenAnswer(p, def, w)))
		}
		all = append(all, r)
	}
	return all
}

// spokenAnswer says the answer of a condition as the reader does.
func spokenAnswer(p *lang.Printer, def *form.Definition, w form.When) string {
	if def.Item(w.Question).Type == form.Boolean {
		switch w.Answer {
		case "true":
			return p.T("form.yes")
		case "false":
			return p.T("form.no")
		}
	}
	return w.Answer
}

// operatorWord says how a condition compares.
func operatorWord(p *lang.Printer, operator string) string {
	switch operator {
	case "answered":
		return p.T("form.is_answered")
	case "unanswered":
		return p.T("form.is_unanswered")
	case "!=":
		return "≠"
	}
	return operator
}

// designQuestion makes fields of a question.
func designQuestion(q *form.Question) *web.FormQuestion {
	count := func(n, none int) string {
		if n == none {
			return ""
		}
		return strconv.Itoa(n)
	}
	out := &web.FormQuestion{
		LinkID: q.LinkID, Type: string(q.Type), Prefix: q.Prefix, Texts: formTexts(q.Texts), Required: q.Required, Repeats: q.Repeats, ReadOnly: q.ReadOnly, Hidden: q.Hidden,
		Fewest: count(q.Fewest, 0), Many: count(q.Many, 0), Least: q.Least, Most: q.Most, Shortest: count(q.Shortest, 0), Longest: count(q.Longest, 0),
		Places: count(q.Places, -1), Units: strings.Join(q.Units, " "), Fact: q.Fact, AllOf: q.AllOf, Calculated: q.Calculated, Initial: q.Initial, Enable: q.Enable,
	}
	if q.Sum != nil {
		out.SumOf, out.SumScores = q.Sum.Of, q.Sum.Scores
	}
	for _, o := range q.Offers {
		out.Offers = append(out.Offers, web.FormOffer{Was: o.Was, Code: o.Code, Texts: formTexts(o.Texts), Score: o.Score, Exclusive: o.Exclusive})
	}
	for _, w := range q.When {
		out.When = append(out.When, web.FormWhen(w))
	}
	return out
}

// textsBy maps texts by language.
func textsBy(all []web.FormText) map[string]string {
	out := map[string]string{}
	for _, t := range all {
		out[t.Language] = t.Text
	}
	return out
}

// designed makes a question of fields.
func designed(f *web.FormQuestion) (q form.Question, err error) {
	count := func(text string, none int) int {
		if text == "" || err != nil {
			return none
		}
		n, bad := strconv.Atoi(text)
		if bad != nil || n < 0 || n > 1_000_000 {
			err = fault.Errorf(fault.Invalid, "question %s: a whole number is wanted where something is counted", f.LinkID)
			return none
		}
		return n
	}
	q = form.Question{
		LinkID: f.LinkID, Type: form.Type(f.Type), Prefix: f.Prefix, Texts: textsBy(f.Texts), Required: f.Required, Repeats: f.Repeats, ReadOnly: f.ReadOnly, Hidden: f.Hidden,
		Fewest: count(f.Fewest, 0), Many: count(f.Many, 0), Least: f.Least, Most: f.Most, Shortest: count(f.Shortest, 0), Longest: count(f.Longest, 0), Places: count(f.Places, -1),
		Units: strings.Fields(strings.ReplaceAll(f.Units, ",", " ")), Fact: f.Fact, AllOf: f.AllOf, Calculated: f.Calculated, Initial: f.Initial, Enable: f.Enable,
	}
	if len(f.SumOf) > 0 {
		q.Sum = &form.Sum{Of: f.SumOf, Scores: f.SumScores}
	}
	for _, o := range f.Offers {
		q.Offers = append(q.Offers, form.Offer{Was: o.Was, Code: o.Code, Texts: textsBy(o.Texts), Score: o.Score, Exclusive: o.Exclusive})
	}
	for _, w := range f.When {
		q.When = append(q.When, form.When(w))
	}
	return q, err
}

// ChangeForm implements web.Forms.
func (v formView) ChangeForm(ctx context.Context, who web.Person, step web.FormStep) (out web.FormStepped, err error) {
	out.Item = step.Item
	q, err := designed(&step.Question)
	if err != nil {
		return out, err
	}
	_, err = v.house.Forms.Change(ctx, at, step.Form, step.Version, step.Seen, who.ID, func(s form.Sketch) (form.Sketch, error) {
		for i := range q.When {
			w := &q.When[i]
			if of := s.Item(w.Question); of == nil || of.Type != form.Boolean {
				continue
			}
			for word, is := range map[string]string{step.Yes: "true", step.No: "false"} {
				if strings.EqualFold(w.Answer, word) {
					w.Answer = is
				}
			}
		}
		switch step.Do {
		case "title":
			return s.Say(textsBy(step.Titles))
		case "add":
			q.LinkID = ""
			now, id, err := s.Add(step.Item, step.Within, q)
			out.Item = id
			return now, err
		case "put":
			return s.Put(q)
		case "copy":
			now, id, err := s.Copy(step.Item)
			out.Item = id
			return now, err
		case "remove":
			out.Item = ""
			return s.Remove(step.Item)
		case form.Up, form.Down, form.In, form.Out:
			return s.Move(step.Item, step.Do)
		}
		return s, fault.Errorf(fault.Invalid, "a draft is changed by title, add, put, copy, remove, up, down, in or out")
	})
	if refused, ok := errors.AsType[*form.RefusedError](err); ok {
		out.Problem = &formProblems([]form.Problem{refused.Problem})[0]
	}
	return out, err
}

// TryForm implements web.Forms.
func (v formView) TryForm(ctx context.Context, language, url, version, kept string, edits []web.FormEdit) (out web.FormTrial, err error) {
	def, f, err := v.house.Forms.Form(ctx, at, url, version)
	if err != nil {
		return out, err
	}
	s, refused, err := v.house.Forms.Trial(ctx, at, def, kept, formEdits(edits))
	if err != nil {
		return out, err
	}
	facts := map[string]evidence.Value{}
	if len(def.Facts()) > 0 {
		if facts, err = v.house.Forms.Measured(ctx, at, def); err != nil {
			return out, err
		}
	}
	d := v.drawer(language, def, map[string]string{}, facts)
	gaps, err := s.Gaps(ctx)
	if err != nil {
		return out, err
	}
	for _, g := range gaps {
		d.gaps[g.Node] = append(d.gaps[g.Node], web.FormGap{Rule: g.Rule, Want: g.Want, Minor: g.Minor})
		if !g.Minor {
			out.Missing++
		}
	}
	head := formHead(f, language)
	out.Title, out.URL, out.Version, out.Open = head.Title, head.URL, head.Version, f.State == form.Draft && !f.Shipped
	out.Answered, out.Asked = s.Progress()
	out.Nodes = d.nodes(s.Nodes)
	out.Files = slices.ContainsFunc(def.All(), func(it *form.Item) bool { return it.Type == form.Attachment })
	out.Refused = map[string]string{}
	for path, why := range refused {
		out.Refused[path] = why.Error()
	}
	whole, err := s.Kept(form.Heading{Status: "in-progress"})
	out.Kept = string(whole.JSON())
	return out, err
}
