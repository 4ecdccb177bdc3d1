package webtest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"radagora/fault"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// Mapping implements web.Mapping.
func (w *World) Mapping(_ context.Context, q web.MappingQuery) (web.MappingPage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	language := q.Language
	pg := web.MappingPage{Started: !w.Empty, Share: 0.934, KnownBy: map[string]float64{"order": 0.41, "protocol": 0.36, "assumed": 0.23}, Alone: w.alone}
	pg.Exams, pg.Indications = meanings(language)
	for i, n := range w.names {
		if n.ApprovedAt.IsZero() {
			pg.Unmapped = append(pg.Unmapped, n)
			continue
		}
		n.Exam.Label, n.Indication.Label = label(pg.Exams, n.Exam.Code), label(pg.Indications, n.Indication.Code)
		if w.waiting[n.ID] {
			pg.Waiting = append(pg.Waiting, web.NameProposal{ID: fmt.Sprint("w", i), Name: n, Rooms: n.Rooms, Mine: n.ApprovedBy == q.Who.Name, Why: "as in the other room"})
		} else {
			pg.Mapped = append(pg.Mapped, n)
		}
	}
	if k := len(w.undo); k > 0 {
		last := w.undo[k-1]
		step := web.NameStep{ID: "s1", Kind: "approved", Name: last.Name, To: orElse(label(pg.Exams, last.Exam.Code), "not of a patient"), Who: last.ApprovedBy, At: last.ApprovedAt, Open: true}
		if w.waiting[last.ID] {
			step.Kind = "proposed"
		}
		pg.Last = &step
	}
	pg.Current = w.current(q, pg)
	pg.Pending = int64(3 * len(pg.Mapped))
	pg.Imports = []web.NameImport{{ID: "i1", Who: "Person Two", At: Now().AddDate(0, 0, -9), Steps: 12}}
	return pg, nil
}

// meanings are the examinations and indications there are.
func meanings(language string) (exams, indications []face.Choice) {
	for i, g := range groups {
		if c := g.exam(language); !slices.Contains(exams, c) {
			exams = append(exams, c)
		}
		if ind := g.indication(language); ind != "" {
			indications = append(indications, face.Choice{Code: fmt.Sprintf("X_IND_%d", i), Label: ind})
		}
	}
	return exams, indications
}

// current returns the name that is open.
func (w *World) current(q web.MappingQuery, pg web.MappingPage) *web.CurrentName {
	i := slices.IndexFunc(w.names, func(n web.LocalName) bool { return n.ID == q.Name })
	if i < 0 && len(pg.Unmapped) > 0 {
		i = slices.IndexFunc(w.names, func(n web.LocalName) bool { return n.ID == pg.Unmapped[0].ID })
	}
	if i < 0 {
		return nil
	}
	c := web.CurrentName{LocalName: w.names[i]}
	for k, room := range c.Rooms {
		c.Machines = append(c.Machines, face.Choice{Code: fmt.Sprint("m", k), Label: room})
		c.Chosen = append(c.Chosen, fmt.Sprint("m", k))
	}
	c.Beside = []lang.Message{lang.Msg("mapping.region", lang.Args{"name": "Example region", "n": c.N})}
	for k, x := range pg.Exams[:min(2, len(pg.Exams))] {
		why := []lang.Message{lang.Msg("mapping.why_words", lang.Args{"n": 2 - k, "of": 3, "words": strings.ToLower(x.Label)})}
		if k == 0 && c.Elsewhere != "" {
			why = append(why, lang.Msg("mapping.why_elsewhere", lang.Args{"rooms": roomRefs[0].Name}))
		}
		c.Hits = append(c.Hits, web.MeaningHit{Choice: x, Why: why})
	}
	if !c.ApprovedAt.IsZero() {
		c.History = []web.NameStep{{ID: "s1", Kind: "approved", Name: c.Name, To: label(pg.Exams, c.Exam.Code), Who: c.ApprovedBy, At: c.ApprovedAt, Why: "as in the other room", Open: true}}
	}
	if k := slices.IndexFunc(pg.Unmapped, func(n web.LocalName) bool { return n.ID == c.ID }); k >= 0 && k+1 < len(pg.Unmapped) {
		c.Next = pg.Unmapped[k+1].ID
	}
	return &c
}

// orElse returns s, or other if s is empty.
func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// label returns the label of a code.
func label(all []face.Choice, code string) string {
	for _, c := range all {
		if c.Code == code {
			return c.Label
		}
	}
	return code
}

// FindMeaning implements web.Mapping.
func (w *World) FindMeaning(_ context.Context, q web.MeaningQuery) ([]web.MeaningHit, error) {
	all, indications := meanings(q.Language)
	if q.Indication {
		all = indications
	}
	var hits []web.MeaningHit
	for _, c := range all {
		if text := strings.ToLower(q.Text); strings.Contains(strings.ToLower(c.Label+" "+c.Code), text) {
			hits = append(hits, web.MeaningHit{Choice: c, Why: []lang.Message{lang.Msg("mapping.why_words", lang.Args{"n": 1, "of": 1, "words": text})}})
		}
	}
	return hits, nil
}

// Decide implements web.Mapping.
func (w *World) Decide(_ context.Context, who web.Person, d web.MappingDecision) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.names, func(n web.LocalName) bool { return n.ID == d.ID })
	if i < 0 {
		return fault.Errorf(fault.NotFound, "no name %q", d.ID)
	}
	n := &w.names[i]
	n.Exam, n.Indication, n.KnownBy = face.Choice{Code: d.Exam}, face.Choice{Code: d.Indication}, d.KnownBy
	n.ApprovedBy, n.ApprovedAt = who.Name, Now()
	if w.waiting == nil {
		w.waiting = map[string]bool{}
	}
	w.waiting[n.ID] = w.alone == nil
	w.undo = append(w.undo, *n)
	return nil
}

// Settle implements web.Mapping.
func (w *World) Settle(_ context.Context, who web.Person, ids []string, approve bool, _ string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		var i int
		if _, err := fmt.Sscanf(id, "w%d", &i); err != nil || i < 0 || i >= len(w.names) || !w.waiting[w.names[i].ID] {
			return fault.Errorf(fault.NotFound, "nothing waits")
		}
		n := &w.names[i]
		if n.ApprovedBy == who.Name && w.alone == nil {
			return fault.Errorf(fault.Forbidden, "a second person approves")
		}
		w.waiting[n.ID] = false
		if !approve {
			w.reset(i)
		}
	}
	return nil
}

// reset takes from a name what it means.
func (w *World) reset(i int) {
	n := w.names[i]
	w.names[i] = web.LocalName{ID: n.ID, Name: n.Name, Source: n.Source, Rooms: n.Rooms, N: n.N, Share: n.Share, LastSeen: n.LastSeen, Elsewhere: n.Elsewhere}
}

// Undo implements web.Mapping.
func (w *World) Undo(context.Context, web.Person, string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := len(w.undo)
	if k == 0 {
		return fault.Errorf(fault.NotFound, "nothing to take back")
	}
	for i := range w.names {
		if w.names[i].ID == w.undo[k-1].ID {
			w.reset(i)
		}
	}
	w.undo = w.undo[:k-1]
	return nil
}

// DecideAlone implements web.Mapping.
func (w *World) DecideAlone(_ context.Context, who web.Person, alone bool, why string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alone = nil
	if alone {
		w.alone = &web.AloneDecision{Who: who.Name, At: Now(), Why: why}
	}
	return nil
}

// ImportNames implements web.Mapping.
func (w *World) ImportNames(_ context.Context, _ web.Person, table io.Reader, dry bool) (web.NameImport, error) {
	raw, err := io.ReadAll(table)
	if err != nil || !strings.HasPrefix(string(raw), "name\t") {
		return web.NameImport{Errors: []web.NameRowError{{Line: 1, Why: "columns"}}}, err
	}
	made := web.NameImport{New: strings.Count(string(raw), "\n") - 1, At: time.Time{}}
	if !dry {
		made.ID = "i2"
	}
	return made, nil
}

// UndoImport implements web.Mapping.
func (w *World) UndoImport(_ context.Context, _ web.Person, id string) error {
	if id != "i1" {
		return fault.Errorf(fault.NotFound, "no import %q", id)
	}
	return nil
}

// ExportNames implements web.Mapping.
func (w *World) ExportNames(_ context.Context, out io.Writer) error {
	_, err := io.WriteString(out, "name\tsource\texam_code\n")
	return err
}

// Progress implements web.Mapping.
func (w *World) Progress(context.Context) (int64, error) { return 3, nil }
