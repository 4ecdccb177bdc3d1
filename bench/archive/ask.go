package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
)

var everybody = access.Reach{All: true, Identity: true}

// A question is one sort, with values drawn anew each time. It returns how many rows
// came.
type question struct {
	name string
	ask  func(ctx context.Context, a *archive.Archive, m *maker, r *rand.Rand) (int, error)
}

// find asks as QIDO-RS does, for a page of a hundred.
func find(level archive.Level, offset func(r *rand.Rand, m *maker) int, keys func(s study) map[tag.Tag]string) func(context.Context, *archive.Archive, *maker, *rand.Rand) (int, error) {
	return func(ctx context.Context, a *archive.Archive, m *maker, r *rand.Rand) (n int, err error) {
		q, err := query(level, keys, m, r)
		if err != nil {
			return 0, err
		}
		q.Limit = 100
		if offset != nil {
			q.Offset = offset(r, m)
		}
		for _, err := range a.Find(ctx, site, q) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
}

func query(level archive.Level, keys func(s study) map[tag.Tag]string, m *maker, r *rand.Rand) (archive.Query, error) {
	b := dicom.NewBuilder()
	for _, t := range archive.Attributes(level) {
		if tag.VROf(t).Textual() {
			b.Text(t)
		} else if tag.VROf(t).Binary() {
			b.Bytes(t, tag.VROf(t), nil)
		}
	}
	if keys != nil {
		for t, v := range keys(m.of(r.IntN(m.n))) {
			b.Text(t, v)
		}
	}
	d, err := b.Dataset()
	return archive.Query{Level: level, Reach: everybody, Keys: d}, err
}

func count(level archive.Level, keys func(s study) map[tag.Tag]string) func(context.Context, *archive.Archive, *maker, *rand.Rand) (int, error) {
	return func(ctx context.Context, a *archive.Archive, m *maker, r *rand.Rand) (int, error) {
		q, err := query(level, keys, m, r)
		if err != nil {
			return 0, err
		}
		n, err := a.Count(ctx, site, q)
		return int(n), err
	}
}

func search(text func(s study, r *rand.Rand) string) func(context.Context, *archive.Archive, *maker, *rand.Rand) (int, error) {
	return func(ctx context.Context, a *archive.Archive, m *maker, r *rand.Rand) (int, error) {
		list, err := a.Search(ctx, site, everybody, text(m.of(r.IntN(m.n)), r), 20)
		return len(list), err
	}
}

func studies(f func(s study) archive.Filter) func(context.Context, *archive.Archive, *maker, *rand.Rand) (int, error) {
	return func(ctx context.Context, a *archive.Archive, m *maker, r *rand.Rand) (int, error) {
		filter := archive.Filter{}
		if f != nil {
			filter = f(m.of(r.IntN(m.n)))
		}
		filter.Reach = everybody
		list, err := a.Studies(ctx, site, filter, archive.Cursor{}, 50)
		return len(list), err
	}
}

func far(r *rand.Rand, m *maker) int { return m.n/2 + r.IntN(m.n/3) }

func family(s study) string { f, _, _ := strings.Cut(s.name, "^"); return f }

func cut(s string, n int) string {
	all := []rune(s)
	return string(all[:min(n, len(all))])
}

var questions = []question{
	{"study list, first page of 50", studies(nil)},
	{"study list, name begins with 4 letters", studies(func(s study) archive.Filter { return archive.Filter{PatientName: cut(s.name, 4)} })},
	{"study list, a modality (CT)", studies(func(study) archive.Filter { return archive.Filter{Modality: "CT"} })},
	{"studies, first page of 100", find(archive.StudyLevel, nil, nil)},
	{"studies, page at offset 1000", find(archive.StudyLevel, func(*rand.Rand, *maker) int { return 1000 }, nil)},
	{"studies, page at a far offset", find(archive.StudyLevel, far, nil)},
	{"studies, name begins with 4 letters", find(archive.StudyLevel, nil, func(s study) map[tag.Tag]string { return map[tag.Tag]string{tag.PatientName: cut(s.name, 4) + "*"} })},
	{"studies, letters inside a name", find(archive.StudyLevel, nil, func(s study) map[tag.Tag]string {
		return map[tag.Tag]string{tag.PatientName: "*" + cut(family(s)[1:], 5) + "*"}
	})},
	{"studies of one day", find(archive.StudyLevel, nil, func(s study) map[tag.Tag]string { return map[tag.Tag]string{tag.StudyDate: s.date} })},
	{"studies with CT", find(archive.StudyLevel, nil, func(study) map[tag.Tag]string { return map[tag.Tag]string{tag.ModalitiesInStudy: "CT"} })},
	{"studies with a modality nobody has", find(archive.StudyLevel, nil, func(study) map[tag.Tag]string { return map[tag.Tag]string{tag.ModalitiesInStudy: "NM"} })},
	{"studies of a patient", find(archive.StudyLevel, nil, func(s study) map[tag.Tag]string { return map[tag.Tag]string{tag.PatientID: s.id} })},
	{"study of an accession number", find(archive.StudyLevel, nil, func(s study) map[tag.Tag]string { return map[tag.Tag]string{tag.AccessionNumber: s.accession} })},
	{"study of a SOP instance", find(archive.StudyLevel, nil, func(s study) map[tag.Tag]string { return map[tag.Tag]string{tag.SOPInstanceUID: s.uid + ".1.1"} })},
	{"series of a study", find(archive.SeriesLevel, nil, func(s study) map[tag.Tag]string { return map[tag.Tag]string{tag.StudyInstanceUID: s.uid} })},
	{"series, first page of 100", find(archive.SeriesLevel, nil, nil)},
	{"instances of a study", find(archive.ImageLevel, nil, func(s study) map[tag.Tag]string { return map[tag.Tag]string{tag.StudyInstanceUID: s.uid} })},
	{"instances, first page of 100", find(archive.ImageLevel, nil, nil)},
	{"an instance", find(archive.ImageLevel, nil, func(s study) map[tag.Tag]string { return map[tag.Tag]string{tag.SOPInstanceUID: s.uid + ".2.3"} })},
	{"patients, name begins with 4 letters", find(archive.PatientLevel, nil, func(s study) map[tag.Tag]string { return map[tag.Tag]string{tag.PatientName: cut(s.name, 4) + "*"} })},
	{"count of studies", count(archive.StudyLevel, nil)},
	{"count of studies, name begins with 4 letters", count(archive.StudyLevel, func(s study) map[tag.Tag]string { return map[tag.Tag]string{tag.PatientName: cut(s.name, 4) + "*"} })},
	{"count of instances", count(archive.ImageLevel, nil)},
	{"search: 2 letters", search(func(s study, _ *rand.Rand) string { return cut(s.name, 2) })},
	{"search: 4 letters", search(func(s study, _ *rand.Rand) string { return cut(s.name, 4) })},
	{"search: given and family name", search(func(s study, _ *rand.Rand) string { f, g, _ := strings.Cut(s.name, "^"); return g + " " + f })},
	{"search: family name with letters exchanged", search(func(s study, r *rand.Rand) string {
		f := []rune(family(s))
		i := 1 + r.IntN(len(f)-2)
		f[i], f[i+1] = f[i+1], f[i]
		return string(f)
	})},
	{"search: modality and part of a description", search(func(study, *rand.Rand) string { return "ct thor" })},
	{"search: name and year", search(func(s study, _ *rand.Rand) string { return cut(s.name, 4) + " " + s.date[:4] })},
	{"search: beginning of an ID", search(func(s study, _ *rand.Rand) string { return cut(s.id, 5) })},
	{"search: what nobody has", search(func(study, *rand.Rand) string { return "qqqq xxxx" })},
}

// ask asks every question at one size and writes a line for each.
func ask(ctx context.Context, w io.Writer, a *archive.Archive, m *maker, o options) error {
	size, err := m.db.Size(ctx)
	if err != nil {
		return err
	}
	for _, q := range questions {
		r := rand.New(rand.NewPCG(uint64(m.n), 11))
		took, found := make([]time.Duration, 0, o.asked), 0
		for range o.asked {
			start := time.Now()
			n, err := q.ask(ctx, a, m, r)
			if err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			took, found = append(took, time.Since(start)), found+n
		}
		slices.Sort(took)
		fmt.Fprintf(w, "| %d k | %.1f M | %.1f GB | %s | %.1f | %s | %s | %s |\n", m.n/1000, float64(m.n)*perStudy*perSeries/1e6, float64(size.Bytes)/1e9,
			q.name, float64(found)/float64(o.asked), ms(took[len(took)/2]), ms(took[len(took)*95/100]), ms(took[len(took)-1]))
	}
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }
