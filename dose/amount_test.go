package dose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/fault"
	"radagora/journal"
	"radagora/ucum"
)

// Images implements dose.Images.
func (s *shelf) Images(_ context.Context, siteID, study string) (all []dose.Image, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sop, d := range s.all {
		if s.at[siteID][sop] && d.UID(tag.StudyInstanceUID).String() == study {
			all = append(all, dose.Image{
				SOP: sop, Class: d.UID(tag.SOPClassUID), Series: d.UID(tag.SeriesInstanceUID), Acquisition: d.Text(tag.AcquisitionNumber), ReceivedAt: today(),
			})
		}
	}
	return all, nil
}

// newDeskOfImages opens a ledger that reads headers of images, long after they came.
func newDeskOfImages(t *testing.T, d *db.DB) *desk {
	t.Helper()
	return newDeskOf(t, d, func(l *dose.Ledger) {
		l.Images = l.Objects.(*shelf)
		l.Now = func() time.Time { return time.Now().Add(24 * time.Hour) }
	})
}

// sampleData reads the data set of a sample.
func sampleData(t testing.TB, name string) *dicom.Dataset {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(samples(t), name))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := dicom.Open(bytes.NewReader(b), int64(len(b)), nil)
	if f == nil {
		t.Fatalf("%s cannot be opened", name)
	}
	return f.Dataset
}

// arriveData lets objects arrive at a site, in this order.
func (k *desk) arriveData(siteID string, all ...*dicom.Dataset) {
	k.t.Helper()
	var entries []journal.Entry
	for _, d := range all {
		k.shelf.put(d)
		k.shelf.mu.Lock()
		if k.shelf.at[siteID] == nil {
			k.shelf.at[siteID] = map[uid.UID]bool{}
		}
		k.shelf.at[siteID][d.UID(tag.SOPInstanceUID)] = true
		k.shelf.mu.Unlock()
		raw, err := json.Marshal(map[string]string{
			"study": d.UID(tag.StudyInstanceUID).String(), "sop_class": d.UID(tag.SOPClassUID).String(),
		})
		check(k.t, err)
		entries = append(entries, journal.Entry{
			Site: siteID, Actor: "ae:TEST", Kind: "archive.instance.stored", Subject: d.UID(tag.SOPInstanceUID).String(), Data: raw,
		})
	}
	check(k.t, k.db.Write(k.t.Context(), func(tx *db.Tx) error { return k.journal.Append(k.t.Context(), tx, entries...) }))
}

// settleImages waits until everything that arrived is derived, images too.
func (k *desk) settleImages() {
	k.t.Helper()
	check(k.t, k.journal.Wait(k.t.Context(), dose.ConsumerImages))
	k.settle()
	k.until("the images have settled", func() bool {
		var n int
		check(k.t, k.db.QueryRow(k.t.Context(), `select count(*) from dose_image where waiting`).Scan(&n))
		pending, err := k.Pending(k.t.Context())
		check(k.t, err)
		return n == 0 && pending == 0
	})
}

// totalOf are the fields of the codes that reports declare totals under.
var totalOf = map[string]dose.Field{
	"113812": dose.FieldEventCount, "113813": dose.FieldDLP, "113722": dose.FieldDAP, "113725": dose.FieldRP, "113726": dose.FieldFluoroDAP,
	"113728": dose.FieldFluoroRP, "113730": dose.FieldFluoroTime, "113727": dose.FieldAcquisDAP, "113729": dose.FieldAcquisRP,
	"113855": dose.FieldAcquisTime, "113731": dose.FieldFrames, "111637": dose.FieldAGD,
}

// totalled returns a total of a study.
func totalled(s *dose.StoredStudy, f dose.Field, part string) dose.StoredTotal {
	for _, t := range s.Totals {
		if t.Quantity == f && t.Part == part {
			return t
		}
	}
	return dose.StoredTotal{}
}

// isNumber reports whether a number in exact text is want.
func isNumber(got *string, want string) bool {
	if got == nil || want == "" {
		return got == nil && want == ""
	}
	n, err := strconv.ParseFloat(want, 64)
	return err == nil && near(ucum.MustDecimal(*got).Float(), n)
}

// TestLedgerTotals lets each sample arrive at a site of its own and compares every
// row of EXPECTED.tsv that is about totals with what the ledger keeps.
func TestLedgerTotals(t *testing.T) {
	all := expectations(t)
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDeskOfImages(t, d)
		sites, studies := map[string]string{}, map[string]*dose.StoredStudy{}
		for _, e := range all {
			if e.scope == "group" || sites[e.file] != "" {
				continue
			}
			sites[e.file] = fmt.Sprintf("site-%d", len(sites))
			k.arriveData(sites[e.file], sampleData(t, e.file))
		}
		k.settleImages()
		for file, siteID := range sites {
			s, err := k.Study(t.Context(), siteID, sampleData(t, file).UID(tag.StudyInstanceUID).String())
			if err != nil && file != "ESR_non-dose.dcm" {
				t.Fatalf("%s: %v; log: %s", file, err, k.log)
			}
			studies[file] = s
		}
		rows := 0
		for _, e := range all {
			s := studies[e.file]
			part := ""
			switch {
			case s == nil || !strings.HasPrefix(e.scope, "accumulated"):
				continue
			case strings.Contains(e.key, "Left"):
				part = "left"
			case strings.Contains(e.key, "Right"):
				part = "right"
			case strings.Contains(e.scope, "113620"):
				part = "A"
			case strings.Contains(e.scope, "113621"):
				part = "B"
			case strings.Contains(e.scope, "113622"):
				part = "single"
			}
			f, ok := totalOf[e.code]
			if !ok {
				continue // of a calibration
			}
			rows++
			if got := totalled(s, f, part); !isNumber(got.Declared, e.stored) {
				t.Errorf("%s %s %s: declared %v; want %s %s", e.file, e.scope, e.key, text(got.Declared), e.stored, e.unit)
			}
		}
		for _, e := range all {
			s := studies[e.file]
			name, ok := strings.CutPrefix(e.key, "sum of events vs total ")
			if s == nil || !ok {
				continue
			}
			rows++
			f := map[string]dose.Field{"DLP": dose.FieldDLP, "DAP": dose.FieldDAP, "Dose(RP)": dose.FieldRP, "AGD (both breasts)": dose.FieldAGD}[name]
			got := totalled(s, f, "")
			if !roughly(got.Summed, e.inFile) || !roughly(got.Declared, e.stored) {
				t.Errorf("%s %s: summed %v, declared %v; want %s, %s", e.file, e.key, text(got.Summed), text(got.Declared), e.inFile, e.stored)
			}
		}
		if rows < 90 {
			t.Errorf("%d rows about totals", rows)
		}
	})
}

// roughly is isNumber to the nine digits that sums are written with.
func roughly(got *string, want string) bool {
	n, err := strconv.ParseFloat(want, 64)
	return got != nil && err == nil && math.Abs(ucum.MustDecimal(*got).Float()-n) <= 1e-8*math.Abs(n)
}

// text returns what p points to.
func text(p *string) string {
	if p == nil {
		return "nothing"
	}
	return *p
}

// said says what a test wants to know of a study: its modality, and the examinations
// with their amounts.
func said(s *dose.StoredStudy) string {
	lines := []string{fmt.Sprintf("%s %d events", s.Modality, len(s.Events))}
	for _, i := range s.Items {
		var amounts []string
		for _, a := range s.Amounts {
			if a.Examination == i.Key && a.Ordinal == 0 {
				amounts = append(amounts, fmt.Sprintf("%s %.6g %s %s %s", a.Quantity, a.Value, a.Unit, a.Class, a.Method))
			}
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", i.Key, i.Excluded, strings.Join(amounts, ", ")))
	}
	return strings.Join(lines, "\n")
}

// TestLedgerGroups lets samples of one study arrive in several orders, one of them
// twice, and holds what is derived against EXPECTED.tsv and the brief.
func TestLedgerGroups(t *testing.T) {
	for _, c := range []struct{ name, files, want string }{
		{
			"two exposures", "DX-Im-Carestream_DR7500-1 DX-Im-Carestream_DR7500-2",
			"DX 2 events\n1 not_patient: dap 0.0002117 Gy.m2 image summed, images 2 1 image counted",
		},
		{
			"mammography, an image twice and another", "MG-Im-GE_Seno_1_ForProcessing MG-Im-GE_Seno_1_ForPresentation MG-Im-GE_Seno_2_ForPresentation",
			"MG 2 events\n1 : agd 1.956 mGy image summed, agd_left 1.956 mGy image summed, images 2 1 image counted",
		},
		{
			"PET/CT", "NM-RRDSR-Siemens NM-CT-RDSR-Siemens NM-PetIm-Siemens NM-PetIm-Siemens-2 NM-PetIm-Siemens-3 NM-PetIm-Siemens-3-sameseries",
			"CT 3 events\n1 identity: ctdivol_max 4.59 mGy report highest, ctdivol_mean 4.59 mGy report mean, ctdivol_overlap 4.59 mGy report overlap, dlp 667.72 mGy.cm report summed\n" +
				"2 identity: activity 394 MBq report summed, activity_per_kg 3.58182 MBq/kg report divided, effective 7.486 mSv report summed, effective_estimated 7.486 mSv report dose/nuclear",
		},
		{
			"continued", "CT-RDSR-Siemens-Continued-1 CT-RDSR-Siemens-Continued-2",
			"CT 4 events\n1 not_patient: ctdivol_max 2.22 mGy report highest, ctdivol_mean 2.125 mGy report mean, ctdivol_overlap 4.25 mGy report overlap_assumed, dlp 116.61 mGy.cm report summed",
		},
		{
			"cumulative", "CT-RDSR-Siemens-Multi-1 CT-RDSR-Siemens-Multi-2 CT-RDSR-Siemens-Multi-3",
			"CT 3 events\n1 : ctdivol_max 8.13 mGy report highest, ctdivol_mean 7.575 mGy report mean, ctdivol_overlap 15.15 mGy report overlap_assumed, dlp 236.09 mGy.cm report summed",
		},
		{"dental", "PX-Im-NewTom_Go", "DX 1 events\n1 not_patient: dap 8.1e-06 Gy.m2 image summed, images 1 1 image counted"},
		{"scintigraphy", "NM-NmIm-Siemens", "NM 1 events\n1 : activity 764 MBq image summed"},
		{
			"biplane, whose events tell less than its totals", "philips_allura_clarity_u104",
			"RF 25 events\n1 : dap 6.59055e-06 Gy.m2 report summed, dap_acquisition 4.82866e-06 Gy.m2 report summed, dap_fluoro 1.76189e-06 Gy.m2 report summed, " +
				"dap_plane_a 6.59055e-06 Gy.m2 report summed, dap_plane_b 0 Gy.m2 report declared, fluoro_time 37 s report declared, images 15 1 report declared, " +
				"rp 0.000709366 Gy report summed, rp_acquisition 0.00030303 Gy report summed, rp_fluoro 0.000406336 Gy report summed, " +
				"rp_plane_a 0.000709366 Gy report summed, rp_plane_b 0 Gy report declared",
		},
		{
			"fluoroscopy", "RF-RDSR-Siemens-Zee",
			"RF 8 events\n1 : dap 1.6e-05 Gy.m2 report summed, dap_acquisition 0 Gy.m2 report declared, dap_fluoro 1.6e-05 Gy.m2 report summed, " +
				"fluoro_time 28 s report declared, rp 0.00249 Gy report summed, rp_acquisition 0 Gy report declared, rp_fluoro 0.00249 Gy report summed",
		},
		{"mammography, by report", "MG-RDSR-Hologic_2D", "MG 2 events\n1 : agd 2.58 mGy report summed, agd_left 1.3 mGy report summed, agd_right 1.28 mGy report summed, images 2 1 report counted"},
		{"one breast", "MG-RDSR-GEPristina-2D", "MG 8 events\n1 : agd 9.68 mGy report summed, agd_right 9.68 mGy report summed, images 8 1 report counted"},
		{"no dose", "ESR_non-dose", "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []*dicom.Dataset
			for name := range strings.FieldsSeq(c.files) {
				all = append(all, sampleData(t, name+".dcm"))
			}
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				k := newDeskOfImages(t, d)
				random := rand.New(rand.NewPCG(1, 2))
				var rows []string
				for n := range 5 {
					siteID := fmt.Sprintf("order-%d", n)
					order := append(slices.Clone(all), all[random.IntN(len(all))])
					random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
					half := random.IntN(len(order))
					k.arriveData(siteID, order[:half]...)
					if n%2 == 0 {
						k.settleImages()
					}
					k.arriveData(siteID, order[half:]...)
					k.settleImages()
					got := "none"
					if s, err := k.Study(t.Context(), siteID, all[0].UID(tag.StudyInstanceUID).String()); err == nil {
						got = said(s)
					}
					if got != c.want {
						t.Fatalf("order %d:\n%s\nwant\n%s\nlog: %s", n, got, c.want, k.log)
					}
					if rows == nil {
						rows = k.rows(siteID)
					}
					if d := cmp.Diff(rows, k.rows(siteID)); d != "" {
						t.Fatalf("order %d: %s", n, d)
					}
				}
			})
		})
	}
}

// TestSplitAmounts divides the events of a study among reports in many ways, some of
// them cumulative or sent twice: the amounts of the examination are the same.
func TestSplitAmounts(t *testing.T) {
	const want = "CT 4 events\n1 : ctdivol_max 12.5 mGy report highest, ctdivol_mean 8.16667 mGy report mean, ctdivol_overlap 24.5 mGy report overlap_assumed, dlp 812.75 mGy.cm report summed"
	events := []dosetest.Event{
		dosetest.Localizer("e0"), dosetest.Scan("e1", "10", "400.5"), dosetest.Scan("e2", "2", "12.25"), dosetest.Scan("e3", "12.5", "400"),
	}
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		random := rand.New(rand.NewPCG(3, 4))
		for n := range 30 {
			siteID := fmt.Sprintf("split-%d", n)
			parts := map[int][]dosetest.Event{}
			for _, e := range events {
				i := random.IntN(3)
				parts[i] = append(parts[i], e)
			}
			var all []dosetest.Report
			for i := range 3 {
				if len(parts[i]) > 0 {
					all = append(all, dosetest.New("s", fmt.Sprintf("%d part %d", n, i), "", parts[i]...))
				}
			}
			if random.IntN(2) == 0 { // what an earlier one of them says is said again
				all = append(all, dosetest.New("s", fmt.Sprintf("%d again", n), "", all[0].Events...))
			}
			if random.IntN(3) == 0 {
				all = append(all, dosetest.New("s", fmt.Sprintf("%d whole", n), "", events...))
			}
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			k.arrive(siteID, all...)
			if random.IntN(2) == 0 {
				k.settle()
			}
			k.arrive(siteID, all[random.IntN(len(all))])
		}
		k.settle()
		for n := range 30 {
			s, err := k.Study(t.Context(), fmt.Sprintf("split-%d", n), dosetest.UID("s").String())
			check(t, err)
			if got := said(s); got != want {
				t.Errorf("%d: %s\nwant %s", n, got, want)
			}
		}
	})
}

// TestOverviewOf sets fluoroscopy beside its level, in the units that are kept and in
// those that people read.
func TestOverviewOf(t *testing.T) {
	zee := sampleData(t, "RF-RDSR-Siemens-Zee.dcm")
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.arriveData(house, zee)
		k.settle()
		names, err := k.Names(t.Context(), house, "2000-01-01")
		check(t, err)
		for _, n := range names {
			_, err := k.Approve(t.Context(), dose.Mapping{Site: house, Name: n.Text, Source: n.Source, Exam: "XA_CEREBRAL_ANGIO", ApprovedBy: "local"})
			check(t, err)
		}
		_, err = k.Govern(t.Context(), dose.Governing{Site: house, Set: "dose/level/ch_aroua_2006", From: "2000-01-01", DecidedBy: "local"})
		check(t, err)
		k.settle()
		o, err := k.OverviewOf(t.Context(), house, "RF", dose.Period{From: "2000-01-01", To: "2026-12-31"}, inOneRoom, access.Quality)
		check(t, err)
		shown, err := o.In(map[dose.Measure]string{dose.MeasureDAP: "Gy.cm2", dose.MeasureRP: "mGy"})
		check(t, err)
		for _, c := range []struct {
			o    *dose.Overview
			want string
		}{
			{o, "dap 1.6e-05 Gy.m2 too_few of 0.0125, fluoro_time 28 s no_level, rp 0.00249 Gy no_level"},
			{shown, "dap 0.16 Gy.cm2 too_few of 125, fluoro_time 28 s no_level, rp 2.49 mGy no_level"},
		} {
			agrees(t, c.o)
			var got []string
			for _, r := range c.o.Rows {
				line := fmt.Sprintf("%s %.6g %s %s", r.Measure, r.Median, r.Unit, r.State)
				if r.Governing != nil {
					line += fmt.Sprintf(" of %.6g", r.Governing.Value)
				}
				got = append(got, line)
			}
			slices.Sort(got)
			if strings.Join(got, ", ") != c.want {
				t.Errorf("%v; want %s", got, c.want)
			}
		}
		if ct := k.overview("2000-01-01", "2026-12-31"); len(ct.Rows) != 0 {
			t.Errorf("%d rows of CT", len(ct.Rows))
		}
		if _, err := k.OverviewOf(t.Context(), house, "XX", dose.Period{}, inOneRoom, access.Quality); fault.Of(err) != fault.Invalid {
			t.Errorf("no such modality: %v", err)
		}
	})
}
