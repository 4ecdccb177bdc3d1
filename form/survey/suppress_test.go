package survey_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/form/survey"
)

// TestSuppressSample are the eight cells of the brief with least 5 and totals of rows: of
// AT 12 and 3, 12 would tell 3.
func TestSuppressSample(t *testing.T) {
	got := survey.Suppress([][]int{{12, 3}, {9, 7}, {4, 1}, {31, 22}}, 5, false)
	hidden := survey.Cell{Hidden: true}
	want := survey.Table{
		Cells: [][]survey.Cell{{hidden, hidden}, {{N: 9}, {N: 7}}, {hidden, hidden}, {{N: 31}, {N: 22}}},
		Rows:  []survey.Cell{{N: 15}, {N: 16}, {N: 5}, {N: 53}}, All: hidden,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// With totals of columns, 56 and 33, too: the two pairs that are hidden protect each
	// other, and what everybody can add up is 5 or more.
	got = survey.Suppress([][]int{{12, 3}, {9, 7}, {4, 1}, {31, 22}}, 5, true)
	if got.Columns[0] != (survey.Cell{N: 56}) || !got.Cells[0][0].Hidden || !got.Cells[2][1].Hidden {
		t.Errorf("with totals of columns: %+v", got)
	}
}

// TestSuppressSums proves that nobody finds a hidden count: for tables of all shapes the
// sums that are shown leave more than one value for each hidden one, knowing that it is 1
// at least, and what is hidden of a line that shows its total is least together.
func TestSuppressSums(t *testing.T) {
	const least = 3
	seed := rand.New(rand.NewPCG(7, 7))
	told, kept := 0, 0
	for range 600 {
		rows, wide := 1+seed.IntN(3), 2+seed.IntN(2)
		counts := make([][]int, rows)
		for i := range counts {
			counts[i] = make([]int, wide)
			for j := range counts[i] {
				counts[i][j] = seed.IntN(7)
			}
		}
		columns := rows > 1 && seed.IntN(3) > 0
		got := survey.Suppress(counts, least, columns)
		values := solutions(got, columns)
		for i, row := range got.Cells {
			hidden, sum := 0, 0
			for j, c := range row {
				switch {
				case !c.Hidden && c.N != counts[i][j]:
					t.Fatalf("%v: a count changed: %+v", counts, got)
				case !c.Hidden:
					told++
					if c.N > 0 && c.N < least {
						t.Fatalf("%v: %d is shown", counts, c.N)
					}
				default:
					kept++
					hidden++
					sum += counts[i][j]
					if len(values[[2]int{i, j}]) < 2 {
						t.Fatalf("%v at %d, %d: only %v is possible\n%+v", counts, i, j, values[[2]int{i, j}], got)
					}
				}
			}
			if !got.Rows[i].Hidden && hidden > 0 && sum < least {
				t.Fatalf("%v: row %d tells that %d are hidden", counts, i, sum)
			}
		}
	}
	if told < 500 || kept < 500 {
		t.Errorf("%d told and %d hidden prove little", told, kept)
	}
}

// solutions are the values that each hidden count may have, found by trying all up to a
// bound.
func solutions(got survey.Table, columns bool) map[[2]int]map[int]bool {
	const bound = 12
	var spots [][2]int
	n := make([][]int, len(got.Cells))
	for i, row := range got.Cells {
		n[i] = make([]int, len(row))
		for j, c := range row {
			n[i][j] = c.N
			if c.Hidden {
				spots = append(spots, [2]int{i, j})
			}
		}
	}
	found := map[[2]int]map[int]bool{}
	for _, p := range spots {
		found[p] = map[int]bool{}
	}
	row := func(i int) (sum int) {
		for _, x := range n[i] {
			sum += x
		}
		return sum
	}
	fits := func() bool {
		for i := range n {
			if c := got.Rows[i]; !c.Hidden && row(i) != c.N || c.Hidden && row(i) == 0 {
				return false
			}
		}
		all := 0
		for j := range got.Columns {
			sum := 0
			for i := range n {
				sum += n[i][j]
			}
			if c := got.Columns[j]; !c.Hidden && sum != c.N || c.Hidden && sum == 0 {
				return false
			}
			all += sum
		}
		return !columns || got.All.Hidden || all == got.All.N
	}
	budget := 400_000
	var try func(k int)
	try = func(k int) {
		if budget--; budget < 0 {
			return
		}
		if k == len(spots) {
			if fits() {
				for _, p := range spots {
					found[p][n[p[0]][p[1]]] = true
				}
			}
			return
		}
		p := spots[k]
		last := k+1 == len(spots) || spots[k+1][0] != p[0] // of its row
		for x := 1; x <= bound; x++ {
			n[p[0]][p[1]] = x
			if c := got.Rows[p[0]]; last && !c.Hidden && row(p[0]) != c.N {
				continue
			}
			try(k + 1)
		}
		n[p[0]][p[1]] = 0
	}
	try(0)
	if budget < 0 { // too many to try them all: what was found may be too little, so say nothing
		for _, p := range spots {
			found[p][-1], found[p][-2] = true, true
		}
	}
	return found
}

// TestRates are those of the brief for 24 327 invited, 585 usable and 253 complete.
func TestRates(t *testing.T) {
	r := survey.Counts{Invited: 24327, Opened: 700, Begun: 600, Usable: 585, Complete: 253}.Rates()
	for name, x := range map[string]struct {
		got  survey.Rate
		want float64
	}{"answered": {r.Answered, 0.0240}, "complete": {r.Complete, 0.0104}, "completion": {r.Completion, 0.4325}} {
		if d := x.got.Value - x.want; !x.got.Known || d > 0.00005 || d < -0.00005 {
			t.Errorf("%s: %v, want %v", name, x.got, x.want)
		}
	}
	if r := (survey.Counts{}).Rates(); r.Answered.Known || r.Completion.Known {
		t.Errorf("a rate of nobody: %+v", r)
	}
}
