package chart

import (
	"math"

	"traceledger/chaincode/trace"
)

// Town is a named point of reference for a track.
type Town struct {
	Zh, En string
	Point  trace.Point
}

// towns lists province capitals and prefecture seats along the trunk routes, city
// centres to about a tenth of a degree: names for the eye, nothing is decided by
// them.
func towns() []Town {
	at := func(zh, en string, lat, lon float64) Town {
		return Town{zh, en, trace.Point{Latitude: trace.MicroDegrees(lat * 1e6), Longitude: trace.MicroDegrees(lon * 1e6)}}
	}
	return []Town{
		at("北京", "Beijing", 39.90, 116.41), at("天津", "Tianjin", 39.13, 117.20), at("石家庄", "Shijiazhuang", 38.04, 114.51),
		at("唐山", "Tangshan", 39.63, 118.18), at("保定", "Baoding", 38.87, 115.46), at("太原", "Taiyuan", 37.87, 112.55),
		at("大同", "Datong", 40.08, 113.30), at("呼和浩特", "Hohhot", 40.84, 111.75), at("包头", "Baotou", 40.66, 109.84),
		at("沈阳", "Shenyang", 41.80, 123.43), at("大连", "Dalian", 38.91, 121.61), at("锦州", "Jinzhou", 41.10, 121.13),
		at("长春", "Changchun", 43.88, 125.32), at("吉林", "Jilin", 43.84, 126.55), at("哈尔滨", "Harbin", 45.80, 126.53),
		at("齐齐哈尔", "Qiqihar", 47.35, 123.92), at("上海", "Shanghai", 31.23, 121.47), at("南京", "Nanjing", 32.06, 118.80),
		at("苏州", "Suzhou", 31.30, 120.58), at("无锡", "Wuxi", 31.49, 120.31), at("徐州", "Xuzhou", 34.26, 117.19),
		at("连云港", "Lianyungang", 34.60, 119.22), at("杭州", "Hangzhou", 30.27, 120.15), at("宁波", "Ningbo", 29.87, 121.54),
		at("温州", "Wenzhou", 28.00, 120.70), at("金华", "Jinhua", 29.08, 119.65), at("湖州", "Huzhou", 30.89, 120.09),
		at("衢州", "Quzhou", 28.94, 118.87), at("合肥", "Hefei", 31.82, 117.23), at("芜湖", "Wuhu", 31.35, 118.43),
		at("安庆", "Anqing", 30.54, 117.06), at("宣城", "Xuancheng", 30.94, 118.76), at("蚌埠", "Bengbu", 32.92, 117.39),
		at("阜阳", "Fuyang", 32.89, 115.81), at("福州", "Fuzhou", 26.07, 119.30), at("厦门", "Xiamen", 24.48, 118.09),
		at("南平", "Nanping", 26.64, 118.18), at("南昌", "Nanchang", 28.68, 115.86), at("九江", "Jiujiang", 29.71, 116.00),
		at("赣州", "Ganzhou", 25.83, 114.93), at("上饶", "Shangrao", 28.45, 117.94), at("济南", "Jinan", 36.65, 117.12),
		at("青岛", "Qingdao", 36.07, 120.38), at("烟台", "Yantai", 37.46, 121.45), at("潍坊", "Weifang", 36.71, 119.16),
		at("临沂", "Linyi", 35.10, 118.36), at("郑州", "Zhengzhou", 34.75, 113.63), at("洛阳", "Luoyang", 34.62, 112.45),
		at("南阳", "Nanyang", 32.99, 112.53), at("商丘", "Shangqiu", 34.41, 115.66), at("信阳", "Xinyang", 32.15, 114.09),
		at("武汉", "Wuhan", 30.59, 114.31), at("宜昌", "Yichang", 30.69, 111.29), at("恩施", "Enshi", 30.27, 109.49),
		at("襄阳", "Xiangyang", 32.01, 112.12), at("荆州", "Jingzhou", 30.33, 112.24), at("十堰", "Shiyan", 32.63, 110.80),
		at("长沙", "Changsha", 28.23, 112.94), at("岳阳", "Yueyang", 29.36, 113.13), at("常德", "Changde", 29.03, 111.70),
		at("怀化", "Huaihua", 27.57, 110.00), at("衡阳", "Hengyang", 26.89, 112.57), at("广州", "Guangzhou", 23.13, 113.26),
		at("深圳", "Shenzhen", 22.54, 114.06), at("湛江", "Zhanjiang", 21.27, 110.36), at("韶关", "Shaoguan", 24.81, 113.60),
		at("汕头", "Shantou", 23.35, 116.68), at("梅州", "Meizhou", 24.29, 116.12), at("南宁", "Nanning", 22.82, 108.37),
		at("桂林", "Guilin", 25.27, 110.29), at("柳州", "Liuzhou", 24.33, 109.41), at("百色", "Baise", 23.90, 106.62),
		at("海口", "Haikou", 20.04, 110.34), at("三亚", "Sanya", 18.25, 109.51), at("重庆", "Chongqing", 29.56, 106.55),
		at("万州", "Wanzhou", 30.81, 108.39), at("成都", "Chengdu", 30.57, 104.07), at("绵阳", "Mianyang", 31.47, 104.68),
		at("遂宁", "Suining", 30.53, 105.59), at("南充", "Nanchong", 30.84, 106.11), at("宜宾", "Yibin", 28.75, 104.64),
		at("攀枝花", "Panzhihua", 26.58, 101.72), at("达州", "Dazhou", 31.21, 107.47), at("西昌", "Xichang", 27.89, 102.26),
		at("贵阳", "Guiyang", 26.65, 106.63), at("遵义", "Zunyi", 27.73, 106.93), at("昆明", "Kunming", 24.88, 102.83),
		at("大理", "Dali", 25.61, 100.27), at("曲靖", "Qujing", 25.49, 103.80), at("拉萨", "Lhasa", 29.65, 91.14),
		at("西安", "Xi'an", 34.34, 108.94), at("汉中", "Hanzhong", 33.07, 107.02), at("安康", "Ankang", 32.68, 109.03),
		at("延安", "Yan'an", 36.59, 109.49), at("宝鸡", "Baoji", 34.36, 107.24), at("兰州", "Lanzhou", 36.06, 103.83),
		at("天水", "Tianshui", 34.58, 105.72), at("酒泉", "Jiuquan", 39.73, 98.49), at("西宁", "Xining", 36.62, 101.78),
		at("银川", "Yinchuan", 38.49, 106.23), at("乌鲁木齐", "Urumqi", 43.83, 87.62), at("哈密", "Hami", 42.82, 93.52),
		at("库尔勒", "Korla", 41.73, 86.17), at("喀什", "Kashgar", 39.47, 75.99),
	}
}

// townReach is how far from a town's centre a track still passes it, km.
const townReach = 25

// Passed lists the towns that a track passes, in its order, each once, with the
// number of the point nearest to it.
func Passed(track []trace.Point) (passed []Town, nearest []int) {
	listed := map[string]bool{}
	all := towns()
	type hit struct {
		town     int
		point    int
		distance float64
	}
	var open []hit
	list := func(h hit) {
		if !listed[all[h.town].Zh] {
			listed[all[h.town].Zh] = true
			passed, nearest = append(passed, all[h.town]), append(nearest, h.point)
		}
	}
	for i, p := range track {
		for n := range all {
			km := Distance(p, all[n].Point)
			at := -1
			for k := range open {
				if open[k].town == n {
					at = k
				}
			}
			switch {
			case km <= townReach && at < 0:
				open = append(open, hit{n, i, km})
			case km <= townReach && km < open[at].distance:
				open[at].point, open[at].distance = i, km
			case km > townReach && at >= 0:
				list(open[at])
				open = append(open[:at], open[at+1:]...)
			}
		}
	}
	for _, h := range open {
		list(h)
	}
	return passed, nearest
}

// Distance between two points on the earth, km, by the haversine formula.
func Distance(a, b trace.Point) float64 {
	const radians, radius = math.Pi / 180 / 1e6, 6371.0
	lat1, lat2 := float64(a.Latitude)*radians, float64(b.Latitude)*radians
	dLat, dLon := lat2-lat1, float64(b.Longitude-a.Longitude)*radians
	h := math.Sin(dLat/2)*math.Sin(dLat/2) + math.Cos(lat1)*math.Cos(lat2)*math.Sin(dLon/2)*math.Sin(dLon/2)
	return 2 * radius * math.Asin(min(1, math.Sqrt(h)))
}
