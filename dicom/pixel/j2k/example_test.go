package j2k_test

import (
	"fmt"

	"radagora/dicom/pixel/j2k"
)

// A thumbnail needs a few code blocks only.
func Example() {
	slope := make([]int32, 256*128)
	for i := range slope {
		slope[i] = int32(i % 256 * 16)
	}
	stream, err := j2k.Encode([]j2k.Component{{Bits: 12, Width: 256, Height: 128, Samples: slope}}, j2k.EncodeOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	h, err := j2k.Config(stream)
	if err != nil {
		fmt.Println(err)
		return
	}
	thumbnail, err := j2k.Decode(stream, j2k.Options{Reduce: min(h.Levels, 3)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.Width, h.Height, h.Components[0].Bits, h.Reversible)
	fmt.Println(thumbnail.Width, thumbnail.Height, thumbnail.Truncated)
	// Output:
	// 256 128 12 true
	// 32 16 false
}
