package survey

import "slices"

// A Table is counts of people by group (rows) and answer (columns) with their totals,
// where what would tell of few is hidden.
type Table struct {
	Cells   [][]Cell `json:"cells"`
	Rows    []Cell   `json:"rows"`              // totals of rows
	Columns []Cell   `json:"columns,omitempty"` // totals of columns, nil if they are not shown
	All     Cell     `json:"all"`               // of all, hidden if columns are not shown
}

// A Cell is a count, or that it is hidden; N is 0 then.
type Cell struct {
	N      int  `json:"n"`
	Hidden bool `json:"hidden,omitempty"`
}

// Suppress hides counts from 1 to below least, and what follows from the others by
// subtraction: a line that shows its total hides two or more cells or none, and those it
// hides are together least or more. columns says that totals of columns are shown too;
// lines are looked at again until nothing more has to be hidden. 0 is shown: nobody is
// in it.
func Suppress(counts [][]int, least int, columns bool) Table {
	s := suppressor{least: least}
	wide := 0
	for _, row := range counts {
		wide = max(wide, len(row))
	}
	for _, row := range counts {
		line := slices.Clone(row)
		for len(line) < wide {
			line = append(line, 0)
		}
		sum := 0
		for _, n := range line {
			sum += n
		}
		s.n = append(s.n, append(line, sum))
	}
	if columns {
		totals := make([]int, wide+1)
		for _, row := range s.n {
			for j, n := range row {
				totals[j] += n
			}
		}
		s.n = append(s.n, totals)
	}
	s.hide(columns)
	var t Table
	for i, row := range s.n {
		if columns && i == len(s.n)-1 {
			t.Columns, t.All = s.cells(i)[:wide], s.cell(i, wide)
			break
		}
		t.Cells, t.Rows = append(t.Cells, s.cells(i)[:wide]), append(t.Rows, s.cell(i, len(row)-1))
	}
	if !columns {
		t.All = Cell{Hidden: true}
	}
	return t
}

// A suppressor holds a table whose last column, and with columns its last row, are totals.
type suppressor struct {
	least  int
	n      [][]int
	hidden [][]bool
}

// A spot is a place in the table.
type spot struct{ i, j int }

func (s *suppressor) hide(columns bool) {
	for _, row := range s.n {
		h := make([]bool, len(row))
		for j, n := range row {
			h[j] = n > 0 && n < s.least
		}
		s.hidden = append(s.hidden, h)
	}
	lines := s.lines(columns)
	for again := true; again; {
		again = false
		for _, line := range lines {
			again = s.mend(line) || again
		}
		if !again {
			again = s.guessed(lines)
		}
	}
}

// lines are the sums that everybody knows: the last spot is the total of the others.
func (s *suppressor) lines(columns bool) (all [][]spot) {
	for i, row := range s.n {
		line := []spot{}
		for j := range row {
			line = append(line, spot{i, j})
		}
		all = append(all, line)
	}
	if columns && len(s.n) > 0 {
		for j := range s.n[0] {
			line := []spot{}
			for i := range s.n {
				line = append(line, spot{i, j})
			}
			all = append(all, line)
		}
	}
	return all
}

// mend hides more of a line, and reports whether it did.
func (s *suppressor) mend(line []spot) bool {
	total, parts := line[len(line)-1], line[:len(line)-1]
	hidden, sum := 0, 0
	for _, p := range parts {
		if s.hidden[p.i][p.j] {
			hidden++
			sum += s.n[p.i][p.j]
		}
	}
	switch {
	case s.hidden[total.i][total.j]:
		if hidden > 0 || s.n[total.i][total.j] == 0 {
			return false // neither follows
		}
	case hidden == 0 || hidden > 1 && sum >= s.least:
		return false
	}
	best := -1
	for k, p := range parts {
		if n := s.n[p.i][p.j]; n > 0 && !s.hidden[p.i][p.j] && (best < 0 || n < s.n[parts[best].i][parts[best].j]) {
			best = k
		}
	}
	if best >= 0 {
		s.hidden[parts[best].i][parts[best].j] = true
		return true
	}
	if s.hidden[total.i][total.j] || hidden > 1 {
		return false // all parts are hidden
	}
	s.hidden[total.i][total.j] = true
	return true
}

// guessed looks for a hidden count that the sums leave only one value for, and hides more
// of a line of it. Everybody knows that a hidden count is 1 at least.
func (s *suppressor) guessed(lines [][]spot) bool {
	low, high := map[spot]int{}, map[spot]int{}
	const far = 1 << 40
	for i, row := range s.n {
		for j, n := range row {
			p := spot{i, j}
			low[p], high[p] = n, n
			if s.hidden[i][j] {
				low[p], high[p] = 1, far
			}
		}
	}
	for moved := true; moved; {
		moved = false
		for _, line := range lines {
			total, parts := line[len(line)-1], line[:len(line)-1]
			least, most := 0, 0 // that the parts come to
			for _, p := range parts {
				least += low[p]
				most = min(far, most+high[p])
			}
			moved = narrow(low, high, total, least, most) || moved
			for _, p := range parts {
				others := 0 // at most
				for _, q := range parts {
					if q != p {
						others = min(far, others+high[q])
					}
				}
				down := 0
				if others < far {
					down = low[total] - others
				}
				moved = narrow(low, high, p, down, high[total]-(least-low[p])) || moved
			}
		}
	}
	for _, line := range lines {
		total, parts := line[len(line)-1], line[:len(line)-1]
		for _, p := range line {
			if !s.hidden[p.i][p.j] || low[p] != high[p] {
				continue
			}
			best := spot{-1, -1}
			for _, q := range parts {
				if n := s.n[q.i][q.j]; n > 0 && !s.hidden[q.i][q.j] && (best.i < 0 || n < s.n[best.i][best.j]) {
					best = q
				}
			}
			if best.i < 0 && !s.hidden[total.i][total.j] {
				best = total
			}
			if best.i >= 0 {
				s.hidden[best.i][best.j] = true
				return true
			}
		}
	}
	return false
}

// narrow takes over a tighter bound, and reports whether it was.
func narrow(low, high map[spot]int, p spot, down, up int) (moved bool) {
	if down > low[p] {
		low[p], moved = down, true
	}
	if up < high[p] {
		high[p], moved = up, true
	}
	return moved
}

func (s *suppressor) cell(i, j int) Cell {
	if s.hidden[i][j] {
		return Cell{Hidden: true}
	}
	return Cell{N: s.n[i][j]}
}

func (s *suppressor) cells(i int) (all []Cell) {
	for j := range s.n[i] {
		all = append(all, s.cell(i, j))
	}
	return all
}
