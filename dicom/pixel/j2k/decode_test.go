package j2k

import (
	"strings"
	"testing"
)

// TestOpenJPEG decodes what OpenJPEG made with every option it has. What is
// lossless must come back exactly; what is not must be what OpenJPEG makes of
// it, within 1, or 2 of 16 bits: OpenJPEG scales high-pass coefficients by
// 1.625732422 where T.800 has 2/K = 1.625786132.
func TestOpenJPEG(t *testing.T) {
	gray, colour := whole(1), whole(3)
	for _, c := range []struct {
		name  string
		p     *picture
		args  string
		lossy bool
	}{
		{"defaults", paint(200, 150, 8, false, gray...), "", false},
		{"12 bits", paint(131, 97, 12, false, gray...), "", false},
		{"16 bits", paint(131, 97, 16, false, gray...), "", false},
		{"16 bits signed", paint(131, 97, 16, true, gray...), "", false},
		{"8 bits signed", paint(131, 97, 8, true, gray...), "", false},
		{"colour", paint(200, 150, 8, false, colour...), "", false},
		{"colour of 16 bits", paint(130, 70, 16, false, colour...), "", false},
		{"colour without transform", paint(200, 150, 8, false, colour...), "-mct 0", false},
		{"four components", paint(100, 80, 8, false, whole(4)...), "", false},
		{"two components", paint(100, 80, 8, false, whole(2)...), "", false},
		{"one sample", paint(1, 1, 8, false, gray...), "-n 1", false},
		{"one column", paint(1, 70, 8, false, gray...), "-n 1", false},
		{"one row", paint(70, 1, 8, false, gray...), "-n 1", false},
		{"no decomposition", paint(100, 80, 8, false, gray...), "-n 1", false},
		{"eight levels", paint(300, 280, 8, false, gray...), "-n 9", false},
		{"small code blocks", paint(100, 80, 8, false, gray...), "-b 4,4", false},
		{"wide code blocks", paint(1100, 80, 8, false, gray...), "-b 1024,4", false},
		{"high code blocks", paint(80, 1100, 8, false, gray...), "-b 4,1024", false},
		{"LRCP", paint(200, 150, 8, false, colour...), "-p LRCP -c [64,64],[32,32] -r 8,4,1", false},
		{"RLCP", paint(200, 150, 8, false, colour...), "-p RLCP -c [64,64],[32,32] -r 8,4,1", false},
		{"RPCL", paint(200, 150, 8, false, colour...), "-p RPCL -c [64,64],[32,32] -r 8,4,1", false},
		{"PCRL", paint(200, 150, 8, false, colour...), "-p PCRL -c [64,64],[32,32] -r 8,4,1", false},
		{"CPRL", paint(200, 150, 8, false, colour...), "-p CPRL -c [64,64],[32,32] -r 8,4,1", false},
		{"PCRL in tiles with offsets", paint(200, 150, 8, false, colour...), "-p PCRL -c [32,32],[16,16] -t 70,60 -d 13,7 -T 5,3", false},
		{"RPCL in tiles with offsets", paint(200, 150, 8, false, colour...), "-p RPCL -c [32,64],[16,16] -t 70,60 -d 13,7 -T 5,3", false},
		{"CPRL in tiles with offsets", paint(200, 150, 8, false, colour...), "-p CPRL -c [32,64],[16,16] -t 70,60 -d 13,7 -T 5,3", false},
		{"tiles", paint(200, 150, 8, false, gray...), "-t 64,64", false},
		{"tiles of odd size", paint(200, 150, 12, false, gray...), "-t 37,41", false},
		{"tile-parts by resolution", paint(200, 150, 8, false, colour...), "-t 100,100 -TP R -p RLCP", false},
		{"tile-parts by layer", paint(200, 150, 8, false, colour...), "-TP L -r 8,4,1", false},
		{"tile-parts by component", paint(200, 150, 8, false, colour...), "-TP C -p CPRL", false},
		{"offset", paint(200, 150, 8, false, gray...), "-d 33,17", false},
		{"SOP and EPH", paint(200, 150, 8, false, colour...), "-SOP -EPH -t 90,90", false},
		{"SOP", paint(200, 150, 8, false, gray...), "-SOP", false},
		{"EPH", paint(200, 150, 8, false, gray...), "-EPH", false},
		{"TLM and PLT", paint(200, 150, 8, false, colour...), "-TLM -PLT -t 100,100", false},
		{"comment", paint(50, 50, 8, false, gray...), "-C words", false},
		{"progression order changes", paint(200, 150, 8, false, colour...), "-n 6 -POC T1=0,0,1,5,3,CPRL/T1=5,0,1,6,3,CPRL", false},
		{"bypass", paint(200, 150, 12, false, gray...), "-M 1", false},
		{"reset", paint(200, 150, 12, false, gray...), "-M 2", false},
		{"termination of all passes", paint(200, 150, 12, false, gray...), "-M 4", false},
		{"vertically causal", paint(200, 150, 12, false, gray...), "-M 8", false},
		{"predictable termination", paint(200, 150, 12, false, gray...), "-M 16", false},
		{"segmentation symbols", paint(200, 150, 12, false, gray...), "-M 32", false},
		{"bypass and termination", paint(200, 150, 16, false, gray...), "-M 5", false},
		{"all styles", paint(200, 150, 16, false, gray...), "-M 63", false},
		{"all styles in layers", paint(200, 150, 16, false, gray...), "-M 63 -r 20,10,5,1", false},
		{"bypass in layers", paint(200, 150, 16, false, gray...), "-M 1 -r 20,10,5,1", false},
		{"termination in layers", paint(200, 150, 16, false, gray...), "-M 4 -r 20,10,5,1", false},
		{"many layers", paint(200, 150, 16, false, gray...), "-r 100,80,60,50,40,30,20,15,10,8,6,4,2,1", false},
		{"region of interest", paint(200, 150, 8, false, colour...), "-ROI c=0,U=7 -mct 0", false},
		{"guard bits", paint(200, 150, 8, false, gray...), "-GuardBits 4", false},
		{"4:2:0", paint(200, 150, 8, false, [2]int{1, 1}, [2]int{2, 2}, [2]int{2, 2}), "-mct 0", false},
		{"4:2:2 by position", paint(200, 150, 8, false, [2]int{1, 1}, [2]int{2, 1}, [2]int{2, 1}), "-mct 0 -p PCRL -c [32,32] -t 64,48", false},
		{"4:2:0 by resolution and position", paint(200, 150, 8, false, [2]int{1, 1}, [2]int{2, 2}, [2]int{2, 2}), "-mct 0 -p RPCL -c [32,32] -t 64,48", false},

		{"irreversible", paint(200, 150, 8, false, gray...), "-I", true},
		{"irreversible, 10 to 1", paint(200, 150, 8, false, gray...), "-I -r 10", true},
		{"irreversible colour", paint(200, 150, 8, false, colour...), "-I -r 10", true},
		{"irreversible 12 bits", paint(200, 150, 12, false, gray...), "-I -r 8", true},
		{"irreversible 16 bits", paint(200, 150, 16, false, gray...), "-I -r 4", true},
		{"irreversible 16 bits signed", paint(200, 150, 16, true, gray...), "-I -r 4", true},
		{"irreversible tiles with offsets", paint(200, 150, 8, false, colour...), "-I -r 10 -t 57,43 -d 3,9", true},
		{"irreversible, narrow", paint(2, 150, 8, false, gray...), "-I -n 2", true},
		{"irreversible, odd corner", paint(3, 150, 8, false, gray...), "-I -n 2 -d 1,1", true},
		{"irreversible region of interest", paint(200, 150, 8, false, gray...), "-I -ROI c=0,U=5", true},
		{"reversible, cut to 10 to 1", paint(200, 150, 8, false, gray...), "-r 10", true},
		{"reversible colour, cut", paint(200, 150, 8, false, colour...), "-r 30,20", true},
		{"reversible 16 bits, cut", paint(200, 150, 16, true, gray...), "-r 6", true},
		{"quality", paint(200, 150, 8, false, gray...), "-q 30,40", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := compress(t, c.p, strings.Fields(c.args)...)
			m := decode(t, b, Options{})
			if !c.lossy {
				differ(t, samples(m), c.p.samples, 0)
				return
			}
			differ(t, samples(m), reference(t, b, m), int32(1+c.p.bits/16))
		})
	}
}
