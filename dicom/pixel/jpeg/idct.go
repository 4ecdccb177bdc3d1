package jpeg

// A transform is the inverse discrete cosine transform in integers: the scaled
// algorithm of Loeffler, Ligtenberg and Moschytz (1989), eleven multiplications
// for eight values, with constants of 13 bits. Between the two passes 8-bit
// images keep two bits of fraction, 12-bit ones one, which is the precision that
// everybody's reference has, so that results agree with it bit for bit.
type transform struct {
	fraction uint  // bits kept between the passes
	centre   int32 // what stands for a sample of zero
	top      int32 // the greatest sample
}

// newTransform returns the transform for samples of so many bits.
func newTransform(precision int) transform {
	t := transform{fraction: 2, centre: 1 << (precision - 1), top: 1<<precision - 1}
	if precision > 8 {
		t.fraction = 1
	}
	return t
}

// Constants of the algorithm, times 2^13.
const (
	f0298 = 2446  // 0.298631336
	f0390 = 3196  // 0.390180644
	f0541 = 4433  // 0.541196100
	f0765 = 6270  // 0.765366865
	f0899 = 7373  // 0.899976223
	f1175 = 9633  // 1.175875602
	f1501 = 12299 // 1.501321110
	f1847 = 15137 // 1.847759065
	f1961 = 16069 // 1.961570560
	f2053 = 16819 // 2.053119869
	f2562 = 20995 // 2.562915447
	f3072 = 25172 // 3.072711026
)

// clamp returns v as a sample.
func (t *transform) clamp(v int32) uint16 {
	return uint16(min(max(v+t.centre, 0), t.top)) //nolint:gosec // bounded
}

// inverse transforms a block, whose last coefficient that is not zero is at
// last, and puts the samples to out.
func (t *transform) inverse(b *[64]int32, last int, out []uint16, stride int) {
	if last == 0 {
		v := t.clamp((b[0]<<t.fraction + 1<<(t.fraction+2)) >> (t.fraction + 3))
		for range 8 {
			row := out[:8]
			for k := range row {
				row[k] = v
			}
			if len(out) < stride {
				return
			}
			out = out[stride:]
		}
		return
	}
	for x := range 8 {
		t.column(b, x)
	}
	for y := range 8 {
		t.row((*[8]int32)(b[8*y:]), out[:8])
		if y < 7 {
			out = out[stride:]
		}
	}
}

// column transforms column x in place and leaves it times 2^fraction.
func (t *transform) column(b *[64]int32, x int) {
	if b[x+8]|b[x+16]|b[x+24]|b[x+32]|b[x+40]|b[x+48]|b[x+56] == 0 {
		v := b[x] << t.fraction
		for k := x; k < 64; k += 8 {
			b[k] = v
		}
		return
	}
	in := [8]int32{b[x], b[x+8], b[x+16], b[x+24], b[x+32], b[x+40], b[x+48], b[x+56]}
	even, odd := halves(&in)
	shift := 13 - t.fraction
	round := int32(1) << (shift - 1)
	for k := range 4 {
		b[x+8*k] = (even[k] + odd[k] + round) >> shift
		b[x+8*(7-k)] = (even[k] - odd[k] + round) >> shift
	}
}

// row transforms one row to samples.
func (t *transform) row(in *[8]int32, out []uint16) {
	even, odd := halves(in)
	shift := 13 + t.fraction + 3
	round := int32(1) << (shift - 1)
	for k := range 4 {
		out[k] = t.clamp((even[k] + odd[k] + round) >> shift)
		out[7-k] = t.clamp((even[k] - odd[k] + round) >> shift)
	}
}

// halves returns the even and the odd part of a transform of eight values, times
// 2^13: outputs k and 7-k are their sum and difference.
func halves(in *[8]int32) (even, odd [4]int32) {
	z := (in[2] + in[6]) * f0541
	t2, t3 := z-in[6]*f1847, z+in[2]*f0765
	t0, t1 := (in[0]+in[4])<<13, (in[0]-in[4])<<13
	even = [4]int32{t0 + t3, t1 + t2, t1 - t2, t0 - t3}

	a, b, c, d := in[7], in[5], in[3], in[1]
	z1, z2, z3, z4 := a+d, b+c, a+c, b+d
	z5 := (z3 + z4) * f1175
	z1, z2 = -z1*f0899, -z2*f2562
	z3, z4 = z5-z3*f1961, z5-z4*f0390
	odd = [4]int32{d*f1501 + z1 + z4, c*f3072 + z2 + z3, b*f2053 + z2 + z4, a*f0298 + z1 + z3}
	return even, odd
}
