package jt808

import (
	"time"

	"traceledger/chaincode/trace"
)

// Times are six bytes YYMMDDhhmmss in binary coded decimal, GMT+8, years 2000 to 2099.

const zone = trace.ChinaStandardTime * 1000

// parseTime reads a time; a day that does not exist is none.
func parseTime(b []byte) (trace.Time, bool) {
	var v [6]int
	for i, c := range b[:6] {
		if c>>4 > 9 || c&15 > 9 {
			return 0, false
		}
		v[i] = int(c>>4)*10 + int(c&15)
	}
	year, month, day := 2000+v[0], v[1], v[2]
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || v[3] > 23 || v[4] > 59 || v[5] > 59 {
		return 0, false
	}
	seconds := ((int64(daysBefore(year, month)+day-1)*24+int64(v[3]))*60+int64(v[4]))*60 + int64(v[5])
	return trace.Time((seconds+secondsTo2000)*1000 - zone), true
}

const secondsTo2000 = 946_684_800

// appendTime writes whole seconds.
func appendTime(dst []byte, t trace.Time) []byte {
	at := time.UnixMilli(int64(t) + zone).UTC()
	year, month, day := at.Date()
	for _, v := range [...]int{year % 100, int(month), day, at.Hour(), at.Minute(), at.Second()} {
		dst = append(dst, byte(v/10<<4|v%10))
	}
	return dst
}

var cumulated = [...]int{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}

// daysBefore counts the days from 2000 to the month. Within 2000 to 2099 every fourth
// year is a leap year.
func daysBefore(year, month int) int {
	since := year - 2000
	days := since*365 + (since+3)/4 + cumulated[month-1]
	if month > 2 && year%4 == 0 {
		days++
	}
	return days
}

func daysIn(year, month int) int {
	if month == 2 && year%4 == 0 {
		return 29
	}
	return cumulated[month] - cumulated[month-1]
}
