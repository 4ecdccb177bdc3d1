package dose

import (
	"fmt"
	"testing"
)

// TestQuantileRanks holds the ranks against those of the median, and against exact
// binomial probabilities for the 75th percentile.
func TestQuantileRanks(t *testing.T) {
	for _, n := range []int{6, 8, 10, 15, 20, 30, 50, 100} {
		rank, _ := medianRank(n, 0.95)
		if low, high := quantileRanks(n, 0.5, 0.95); low != rank || high != n+1-rank {
			t.Errorf("n = %d: ranks %d to %d; want those of the median, %d to %d", n, low, high, rank, n+1-rank)
		}
	}
	for _, c := range []struct{ n, low, high int }{
		{12, 0, 0},   // 0.75^12 = 3.2 %: the largest may be below the quantile
		{13, 7, 13},  // 0.75^13 = 2.4 %; P(X < 7) = 2.4 %
		{20, 11, 19}, // P(X < 11) = 1.4 %, P(X > 18) = 2.4 %
	} {
		low, high := quantileRanks(c.n, 0.75, 0.95)
		if low != c.low || high != c.high {
			t.Errorf("%d values: ranks %d to %d; want %d to %d", c.n, low, high, c.low, c.high)
		}
	}
}

func TestLocalLevelNeedsRooms(t *testing.T) {
	s := Settings{Coverage: 0.95, MinN: 3}
	by := proposing{share: 0.75, rooms: 10}
	of := func(rooms int) ProposedLevel {
		g := gathering{values: map[string][]float64{"small": {999}}}
		for i := range rooms {
			v := float64(100 + i)
			g.values[fmt.Sprintf("r%02d", i)] = []float64{v - 1, v, v + 1}
		}
		g.value(s, by)
		return g.ProposedLevel
	}
	if x := of(9); x.Kind != LevelTypical || x.N != 27 || x.Value != 104 {
		t.Errorf("nine rooms: %s %v of %d; want a typical value of 104 of 27", x.Kind, x.Value, x.N)
	}
	if x := of(13); x.Kind != LevelLocal || x.Value != 109 || !x.Interval || x.Low != 106 || x.High != 112 || x.Counted() != 13 {
		t.Errorf("13 rooms: %+v; want a local level of 109, interval 106 to 112, the small room not counted", x)
	}
	if x := of(10); x.Kind != LevelLocal || x.Interval {
		t.Errorf("ten rooms: %+v; want a local level without interval", x)
	}
	if x := of(0); x.Kind != "" || len(x.Rooms) != 1 {
		t.Errorf("a small room alone: %+v; want no level", x)
	}
}
