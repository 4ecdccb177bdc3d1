package j2k

// Contexts of the bit model, T.800 Tables D.1 to D.3, spread out by
// neighbourhood.

// A bandKind is the orientation of a subband.
type bandKind uint8

const (
	bandLL bandKind = iota
	bandHL          // horizontally high-pass
	bandLH
	bandHH
)

var (
	// zeroContext gives the context of significance by band and by the nine
	// low bits of a flag word.
	zeroContext = zeroContexts()

	// signContext gives the context of the sign in its low bits and whether the
	// decision is to be inverted in bit 7, by coder.signIndex.
	signContext = signContexts()
)

func zeroContexts() (table [4][512]uint8) {
	for n := range 512 {
		bit := func(i int) int { return n >> i & 1 }
		h, v := bit(3)+bit(5), bit(1)+bit(7)
		diagonal := bit(0) + bit(2) + bit(6) + bit(8)
		table[bandLL][n] = zeroLow(h, v, diagonal)
		table[bandLH][n] = table[bandLL][n]
		table[bandHL][n] = zeroLow(v, h, diagonal)
		table[bandHH][n] = zeroHigh(h+v, diagonal)
	}
	return table
}

// zeroLow is the column of Table D.1 for the LL and LH bands.
func zeroLow(h, v, diagonal int) uint8 {
	switch {
	case h == 2:
		return 8
	case h == 1 && v > 0:
		return 7
	case h == 1 && diagonal > 0:
		return 6
	case h == 1:
		return 5
	case v == 2:
		return 4
	case v == 1:
		return 3
	}
	return uint8(min(diagonal, 2)) //nolint:gosec // 0 to 2
}

// zeroHigh is the column of Table D.1 for the HH band.
func zeroHigh(straight, diagonal int) uint8 {
	switch {
	case diagonal >= 3:
		return 8
	case diagonal == 2:
		return uint8(6 + min(straight, 1)) //nolint:gosec // 6 or 7
	case diagonal == 1:
		return uint8(3 + min(straight, 2)) //nolint:gosec // 3 to 5
	}
	return uint8(min(straight, 2)) //nolint:gosec // 0 to 2
}

// signContexts spreads out Tables D.2 and D.3.
func signContexts() (table [256]uint8) {
	for i := range 256 {
		at := func(k int) int { // contribution of neighbour k
			return (i >> k & 1) * (1 - 2*(i>>(4+k)&1))
		}
		v := max(-1, min(1, at(0)+at(3)))
		h := max(-1, min(1, at(1)+at(2)))
		var inverted uint8
		if h < 0 || h == 0 && v < 0 {
			h, v, inverted = -h, -v, 0x80
		}
		cx := ctxSign + 3*h + v // (1,1) 13, (1,0) 12, (1,-1) 11, (0,1) 10, (0,0) 9
		table[i] = uint8(cx) | inverted
	}
	return table
}
