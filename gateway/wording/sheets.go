package wording

// ofSheets is about uploaded files that cannot be read as a sheet at all.
func ofSheets() []sentence {
	return []sentence{
		{"a row has more than %d columns", "有一行的列数超过 {1} 列"},
		{"line %d has more than %d columns", "第 {1} 行超过 {2} 列"},
		{"line %d, column %d: %v", "第 {1} 行第 {2} 字节处：引号不成对或位置不对"},
		{"no sheet or header of the file is known; the first sheet is %q, templates are: %s", "认不出这个文件（第一张表是 {1}），请下载并使用模板：{2}"},
		{"part %s of the workbook is damaged (%v)", "工作簿的 {1} 损坏，请用 Excel 或 WPS 重新另存"},
		{"sheet %q, row %d: a cell holds more than %d bytes", "工作表 {1} 第 {2} 行：单元格文字超过 {3} 字节"},
		{"the file has %d bytes, at most %d MB", "文件有 {1} 字节，最多 {2} MB"},
		{"the file has headers but no rows", "表头下面没有数据"},
		{"the file has more than %d cells", "单元格超过 {1} 个，请拆成几个文件上传"},
		{"the file has more than %d rows", "行数超过 {1} 行，请拆成几个文件上传"},
		{"the file has no rows", "文件里没有内容"},
		{"the file is a PDF, not a spreadsheet", "这是 PDF，请上传 .xlsx 或 CSV 表格"},
		{"the file is an old .xls or is locked with a password", "这是旧的 .xls 或有密码的文件，请另存为不加密的 .xlsx 或 CSV"},
		{"the file is empty", "文件是空的"},
		{"the file is not text in UTF-8 or GBK (%s)", "文件编码无法识别，请另存为 CSV UTF-8 或 GBK"},
		{"the text cannot be read: %v", "文件无法读取"},
		{"the workbook cannot be unpacked (%v)", "文件损坏或不是 .xlsx，请重新另存为 Excel 工作簿"},
		{"the workbook has %d parts, at most %d", "工作簿内部有 {1} 个文件，最多 {2} 个"},
		{"the workbook has %d sheets, at most %d", "工作簿有 {1} 张工作表，最多 {2} 张"},
		{"the workbook unpacks to more than %d MB", "工作簿解压后超过 {1} MB，请删去图片和多余的工作表"},
	}
}
