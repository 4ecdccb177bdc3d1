package history_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/dose"
	"radagora/dose/history"
)

// A book is a ledger with a few examinations, the latest first.
type book struct {
	items []dose.Selected
	told  map[string]dose.Told
}

// put adds an examination before those that are there.
func (b *book) put(study, day, modality, exam, excluded string, amounts ...dose.Amount) {
	i := &dose.Item{Study: study, Key: "1", Day: day, Exam: exam, Excluded: excluded}
	b.items = append([]dose.Selected{{Item: i}}, b.items...)
	b.told[i.ID()] = dose.Told{Modality: modality, Amounts: amounts}
}

func (b *book) Select(context.Context, string, dose.Selection, dose.Cursor, int) ([]dose.Selected, error) {
	return b.items, nil
}

func (b *book) Told(context.Context, string, []string) (map[string]dose.Told, error) {
	return b.told, nil
}

func (b *book) Typical(_ context.Context, _, exam string, q dose.Quantity, p dose.Period) (dose.Statistic, error) {
	if exam != "CT_HEAD" || q != dose.QuantityDLP || p.To != "2026-11-22" {
		return dose.Statistic{}, nil
	}
	return dose.Describe([]float64{700, 800, 900}, 0.95), nil
}

func dlp(v float64) dose.Amount {
	return dose.Amount{Quantity: dose.QuantityDLP, Value: v, Unit: "mGy.cm"}
}

func effective(v float64, set string) dose.Amount {
	return dose.Amount{Quantity: dose.QuantityEffectiveEstimated, Value: v, Unit: "mSv", Method: set}
}

// person is somebody with CT, fluoroscopy and a phantom scan under the same number.
func person() *book {
	b := &book{told: map[string]dose.Told{}}
	b.put("1", "2018-01-05", "CT", "CT_HEAD", "", dlp(900), effective(60, "set"))
	b.put("2", "2022-02-01", "CT", "CT_HEAD", "", dlp(1000), effective(45, "set"))
	b.put("3", "2022-03-01", "CT", "", dose.ExcludedNotPatient, dlp(5000), effective(500, "set"))
	b.put("4", "2022-06-01", "CT", "CT_HEAD", "", effective(50, "set"))
	b.put("5", "2025-06-01", "RF", "", "", dose.Amount{Quantity: dose.QuantityDAP, Value: 0.001, Unit: "Gy.m2"}, dose.Amount{Quantity: dose.QuantityRP, Value: 0.2, Unit: "Gy"})
	b.put("6", "2025-07-01", "NM", "", "", effective(7, "other"))
	return b
}

func tell(t *testing.T, b *book, asked bool) history.History {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	teller := &history.Teller{Doses: b, Content: library, Now: func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }}
	h, err := teller.Of(t.Context(), "s", []string{"p"}, access.Reach{All: true}, asked)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestHistory adds what may be added, leaves phantoms out, and finds what was done before.
func TestHistory(t *testing.T) {
	h := tell(t, person(), false)
	var sums []string
	for _, s := range h.Sums {
		sums = append(sums, fmt.Sprintf("%s %v of %d, %d missing", s.Quantity, s.Value, s.Examinations, s.Missing))
	}
	if got, want := strings.Join(sums, "; "), "dlp 1900 of 2, 1 missing; dap 0.001 of 1, 0 missing"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for _, x := range h.Examinations {
		earlier := strings.Join(x.Earlier, " ")
		if want := map[string]string{"4": "2_1"}[x.Study]; earlier != want {
			t.Errorf("earlier than %s: %q, want %q", x.Study, earlier, want)
		}
		if x.Study == "2" && (len(x.Amounts) != 1 || x.Amounts[0].Typical.Median != 800 || x.Amounts[0].Typical.N != 3) {
			t.Errorf("beside: %+v", x.Amounts)
		}
	}
	if h.Effective != nil || h.Recurrent != nil || h.Estimable != 4 {
		t.Errorf("effective dose without being asked: %+v %+v, %d", h.Effective, h.Recurrent, h.Estimable)
	}
}

// TestEffective adds up effective dose by each set alone, for those who ask, and says that
// CT recurs within some years and not over a life.
func TestEffective(t *testing.T) {
	h := tell(t, person(), true)
	if got := fmt.Sprint(h.Effective); got != "[{other 7 1} {set 155 3}]" {
		t.Errorf("effective %s", got)
	}
	if r := h.Recurrent; r == nil || r.From != "2018-01-05" || r.To != "2022-06-01" || r.Value != 155 || r.Examinations != 3 || r.Limit != 100 {
		t.Errorf("recurrent %+v", r)
	}
	b := &book{told: map[string]dose.Told{}}
	b.put("1", "2015-01-05", "CT", "", "", effective(60, "set"))
	b.put("2", "2022-02-01", "CT", "", "", effective(60, "set"))
	b.put("3", "2022-02-02", "CT", "", "", effective(60, "another"))
	if h := tell(t, b, true); h.Recurrent != nil {
		t.Errorf("seven years apart, and by two sets: %+v", h.Recurrent)
	}
}
