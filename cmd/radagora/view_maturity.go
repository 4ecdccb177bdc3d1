package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/evidence"
	"radagora/export"
	"radagora/journal"
	"radagora/lang"
	"radagora/maturity"
	"radagora/web"
)

// A maturityView shows self-assessments.
type maturityView struct{ *view }

// Model implements web.Maturity.
func (v maturityView) Model(context.Context) (*maturity.Model, error) {
	return maturity.Load(v.Content, at)
}

// Stars implements web.Maturity.
func (v maturityView) Stars(context.Context) (*maturity.Stars, error) {
	return maturity.LoadStars(v.Content, at)
}

// Readings implements web.Maturity.
func (v maturityView) Readings(ctx context.Context, ids []string) []evidence.Reading {
	return v.readings(ctx, at, ids)
}

// Live implements web.Maturity.
func (v maturityView) Live(context.Context) (live, linked int, err error) {
	return v.liveEvidence()
}

// liveEvidence returns how many indicators name a fact that is computed, and how many
// name one.
func (h *house) liveEvidence() (live, linked int, err error) {
	m, err := maturity.Load(h.Content, at)
	if err != nil {
		return 0, 0, err
	}
	for i := range m.Indicators {
		if id := m.Indicators[i].Evidence; id != "" {
			linked++
			if h.Evidence.Connected(id) {
				live++
			}
		}
	}
	return live, linked, nil
}

// Assessments implements web.Maturity.
func (v maturityView) Assessments(ctx context.Context, kind maturity.Kind) ([]web.Assessment, error) {
	all, err := v.Maturity.List(ctx, at, kind)
	if err != nil {
		return nil, err
	}
	out := make([]web.Assessment, len(all))
	for i := range all {
		a := &all[i]
		if a.State == maturity.Running {
			if a, err = v.Maturity.Get(ctx, at, kind, a.ID); err != nil {
				return nil, err
			}
		}
		if out[i], err = v.assessment(ctx, a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Assessment implements web.Maturity.
func (v maturityView) Assessment(ctx context.Context, kind maturity.Kind, id string) (web.Assessment, error) {
	a, err := v.Maturity.Get(ctx, at, kind, id)
	if err != nil {
		return web.Assessment{}, err
	}
	return v.assessment(ctx, a)
}

func (v maturityView) assessment(ctx context.Context, a *maturity.Assessment) (web.Assessment, error) {
	f, err := v.Maturity.Result(ctx, a)
	if err != nil {
		return web.Assessment{}, err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return web.Assessment{}, err
	}
	here, err := v.Sites.Site(ctx, at)
	return web.Assessment{Assessment: a, Result: f, Names: names, Past: a.Expired(here.Day(v.Now()))}, err
}

// OpenAssessment implements web.Maturity.
func (v maturityView) OpenAssessment(ctx context.Context, who web.Person, s maturity.Start) (string, error) {
	a, err := v.Maturity.Open(ctx, at, who.ID, s)
	if err != nil {
		return "", err
	}
	return a.ID, nil
}

// AnswerItems implements web.Maturity.
func (v maturityView) AnswerItems(ctx context.Context, who web.Person, kind maturity.Kind, id string, given []maturity.Given) error {
	return v.Maturity.Answer(ctx, at, who.ID, kind, id, given)
}

// PlanItem implements web.Maturity.
func (v maturityView) PlanItem(ctx context.Context, who web.Person, kind maturity.Kind, id string, s maturity.Step, before int) error {
	return v.Maturity.Do(ctx, at, who.ID, kind, id, s, before)
}

// CloseAssessment implements web.Maturity.
func (v maturityView) CloseAssessment(ctx context.Context, who web.Person, kind maturity.Kind, id string) error {
	_, err := v.Maturity.Close(ctx, at, who.ID, kind, id)
	return err
}

// ShareResult implements web.Maturity.
func (v maturityView) ShareResult(ctx context.Context, who web.Person, kind maturity.Kind, id string, g maturity.Group, agreed bool) ([]byte, error) {
	return v.Maturity.Share(ctx, at, who.ID, kind, id, g, agreed)
}

// ImportResult implements web.Maturity.
func (v maturityView) ImportResult(ctx context.Context, who web.Person, raw []byte) error {
	_, err := v.Maturity.Import(ctx, at, who.ID, raw)
	return err
}

// Compared implements web.Maturity.
func (v maturityView) Compared(ctx context.Context, kind maturity.Kind) ([]maturity.Compared, error) {
	return v.Maturity.Compare(ctx, at, kind)
}

// BoardReport implements web.Maturity.
func (v maturityView) BoardReport(ctx context.Context, w io.Writer, language string, kind maturity.Kind, id string) error {
	if err := may(ctx, access.TableExport); err != nil {
		return err
	}
	a, err := v.Assessment(ctx, kind, id)
	if err != nil {
		return err
	}
	here, err := v.Sites.Site(ctx, at)
	if err != nil {
		return err
	}
	p := v.catalogue.Printer(language)
	head := []string{here.Name, a.Name, p.T("assess.state_" + a.State), a.Day}
	doc := export.Document{
		Title: p.T("nav." + string(kind)), Language: p.Tag(), Made: v.Now(), Producer: "radagora " + versionText(),
		Foot: []string{strings.Trim(strings.Join(head, " · "), " ·"), p.T("assess.own_" + string(kind))},
		Page: func(k, n int) string { return p.T("report.page", lang.Args{"k": k, "n": n}) },
	}
	add := func(b ...export.Block) { doc.Blocks = append(doc.Blocks, b...) }
	add(export.Heading{Level: 1, Text: p.T("nav."+string(kind)) + ": " + a.Name}, export.Paragraph{Text: doc.Foot[0]})
	if f := a.Result.Stars; f != nil {
		add(export.Paragraph{Text: p.T("assess.stars", lang.Args{"n": f.Stars, "of": f.Most})}, starGrid(p, f))
	} else if err := v.boardLevels(p, a, add); err != nil {
		return err
	}
	data, err := json.Marshal(map[string]any{"kind": kind, "format": "pdf"})
	if err != nil {
		return err
	}
	err = v.DB.Write(ctx, func(tx *db.Tx) error {
		return v.Journal.Append(ctx, tx, journal.Entry{Site: at, Actor: access.From(ctx).ID, Kind: "maturity.report.exported", Subject: id, Data: data})
	})
	if err != nil {
		return err
	}
	return export.PDF(w, doc)
}

// starGrid is how many criteria of each star are met.
func starGrid(p *lang.Printer, f *maturity.StarResult) export.Grid {
	g := export.Grid{Columns: []export.GridColumn{{Label: p.T("nav.stars")}, {Label: p.T("assess.met"), Right: true}, {Label: p.T("assess.open"), Right: true}}}
	for _, l := range f.Levels {
		g.Rows = append(g.Rows, []string{strconv.Itoa(l.Star), strconv.Itoa(l.Met), strconv.Itoa(l.Of - l.Met)})
	}
	return g
}

// mostGap is how many lines of the gap list stand on the one page of the board.
const mostGap = 12

// boardLevels are level, areas and gap list.
func (v maturityView) boardLevels(p *lang.Printer, a web.Assessment, add func(...export.Block)) error {
	m, err := maturity.Load(v.Content, at)
	if err != nil {
		return err
	}
	r := a.Result.Result
	level, other := r.Level, p.T("assess.floor_other", lang.Args{"n": r.FloorLevel})
	if a.Floor {
		level, other = r.FloorLevel, p.T("assess.nofloor_other", lang.Args{"n": r.Level})
	}
	text := p.T("assess.level", lang.Args{"n": level})
	if r.Level != r.FloorLevel {
		text += ". " + other
	}
	live, linked, err := v.liveEvidence()
	if err != nil {
		return err
	}
	text += ". " + p.T("assess.progress", lang.Args{"n": r.Answered, "of": r.Total, "mandatory": r.Mandatory, "demanded": r.Demanded}) +
		". " + p.T("assess.live") + ": " + strconv.Itoa(live) + " " + p.T("assess.of_linked", lang.Args{"n": linked})
	g := export.Grid{Columns: []export.GridColumn{{Label: p.T("assess.area"), Share: 3}, {Label: p.T("assess.attained"), Right: true}, {Label: p.T("assess.gate"), Share: 3}, {Label: p.T("assess.state")}, {Label: p.T("assess.attained"), Right: true}}}
	for i, x := range r.Areas {
		row := []string{x.Code + " " + m.Areas[i].Name.In(p.Tag()), p.Percent(float64(x.Percent()) / 100), "", "", ""}
		if i < len(r.Gates) {
			t := r.Gates[i]
			row[2], row[4] = t.Code+" "+m.Gates[i].Name.In(p.Tag()), p.Percent(float64(t.Percent())/100)
			row[3] = p.T("assess.open")
			if t.Met {
				row[3] = p.T("assess.met")
			}
		}
		g.Rows = append(g.Rows, row)
	}
	add(export.Paragraph{Text: text}, g, export.Heading{Level: 2, Text: p.T("assess.gap")})
	gap := export.Grid{Columns: []export.GridColumn{{Label: p.T("assess.item"), Share: 6}, {Label: p.T("assess.effort"), Right: true}, {Label: p.T("assess.owner"), Share: 2}, {Label: p.T("assess.due")}}}
	for i, x := range append(append([]maturity.Missing{}, r.Gap...), r.Candidates...) {
		if i == mostGap {
			break
		}
		s := a.Steps[x.ID]
		gap.Rows = append(gap.Rows, []string{x.ID + " " + m.Indicator(x.ID).Text.In(p.Tag()), s.Effort, s.Owner, s.Due})
	}
	if len(gap.Rows) == 0 {
		add(export.Paragraph{Text: p.T("assess.gap_done")})
		return nil
	}
	add(gap)
	return nil
}

// evidencePages show all facts.
type evidencePages struct{ *view }

// Definitions implements web.Facts.
func (v evidencePages) Definitions() []evidence.Definition { return v.Evidence.Definitions() }

// Connected implements web.Facts.
func (v evidencePages) Connected(id string) bool { return v.Evidence.Connected(id) }

// Readings implements web.Facts. Why a fact failed is for the log alone.
func (v evidencePages) Readings(ctx context.Context, ids []string) []evidence.Reading {
	all := v.readings(ctx, at, ids)
	for i := range all {
		if r := &all[i]; r.Err != nil && r.Definition.Meaning != "" {
			v.Log.WarnContext(ctx, "fact not computed", "fact", r.Definition.ID, "error", r.Err)
		}
	}
	return all
}

// FactCases implements web.Facts.
func (v evidencePages) FactCases(ctx context.Context, id string) iter.Seq2[evidence.Case, error] {
	return v.Evidence.Cases(ctx, id, evidence.Query{Site: at})
}

// FactsExported implements web.Facts.
func (v evidencePages) FactsExported(ctx context.Context, rows int) error {
	data := fmt.Appendf(nil, `{"rows":%d,"format":"csv"}`, rows)
	return v.DB.Write(ctx, func(tx *db.Tx) error {
		return v.Journal.Append(ctx, tx, journal.Entry{Site: at, Actor: access.From(ctx).ID, Kind: "evidence.table.exported", Subject: "evidence", Data: data})
	})
}
