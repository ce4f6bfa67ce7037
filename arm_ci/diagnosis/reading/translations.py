"""What the C library and gcc say in other languages: a build does not always run with LANG=C.

The words are those of glibc 2.36 and gcc 12 (strsignal, strerror and the prefixes of messages).
"""

# ruff: noqa: RUF001  (letters and quotes as the tools print them)

from __future__ import annotations

import re

_WORDS = {
    "Killed": (
        "Buĉita|Bị buộc kết thúc|Drept|Dræbt|Dödad|Getötet|Geëlimineerd|Kilőve|Matado|Matat|Morto|"
        "Nutraukta (killed)|Pobit|Processus arrêté|Süreç durduruldu|Tapettu|Terbunuh|Terminado (killed)|"
        "Ubijen|Ucciso|Unicestwiony|Zabit (SIGKILL)|Zabitý|Σκοτώθηκε|Безусловно прекъснат|Вбито|Забіты|"
        "Убито|Убијен|已杀死|強制終了|強制結束|죽었음"
    ),
    "Terminated": (
        "Avslutad|Beendet|Befejeződött|Beëindigd|Complété|Päätetty|Sonlandırıldı|Terakhiri|Terminado|"
        "Terminat|Terminato|Termineret|Terminert|Ukončen (SIGTERM)|Ukončené|Užbaigta (terminated)|"
        "Zaključen|Zakończony|Završeno|Ĉesigita|Đã kết thúc|Τερματίστηκε|Завершаны|Завершено|Окончано|"
        "Прекратен|Припинено|已终止|終止|종료됨"
    ),
    "Interrupt": (
        "Afbrudt|Avbruten (SIGINT)|Avbrutt|Félbeszakítás|Hagarikira aho|Interromper|Interrompo|"
        "Interrompre|Interromput|Interrupción|Interrupção|Interruzione|Interupsi|Keskeytys|Ngắt|"
        "Onderbroken|Pertraukimas|Prekini|Prekinitev|Prerušenie|Przerwanie|Přerušení (SIGINT)|"
        "Sistem kesmesi|Unterbrechung|Διακοπή|Перервати|Прекини|Прекъсване|Прерывание|Прыпыненьне|中断|中斷|"
        "割り込み|인터럽트"
    ),
    "Segmentation fault": (
        "Adres-eraro|Chyba segmentácie|Erreur de segmentation|Errore di segmentazione|"
        "Falha de segmentação|Fallo de segmento|Falta de segmentação|Kerusakan segmentasi|Lỗi phân đoạn|"
        "Minnesegmentsfeil|Muistialueen ylitys|Napaka segmentacije|Naruszenie ochrony pamięci|"
        "Neoprávněný přístup do paměti (SIGSEGV)|Parçalama arızası|Segmentacijska greška|Segmentatiefout|"
        "Segmentavimo klaida|Segmenteringsfel|Segmentfejl|Speicherzugriffsfehler|Szegmentálási hiba|"
        "Violació de segment|Violación de segmento|Σφάλμα κατάτμησης (segmentation fault)|"
        "Збой сэгмэнтацыі|Нарушение на разделянето(segfault)|Неуспех сегментације|Ошибка сегментирования|"
        "Помилка адресування|段错误|程式記憶體區段錯誤|세그멘테이션 오류"
    ),
    "Bus error": (
        "Bus-Zugriffsfehler|Bus-eraro|Busfejl|Busfout|Bussfeil|Bussfel|Busz hiba|Błąd szyny|"
        "Chyba na sběrnici (neplatná adresa) (SIGBUS)|Chyba na zbernici|Erreur du bus|Erro de bus|"
        "Erro no barramento|Erro no bus de datos|Error de bus|Error del bus|Errore di bus|Lỗi bus|"
        "Magistralės klaida|Napaka vodila|Sabirnička greška|Veri yolu hatası|Väylävirhe|"
        "Σφάλμα στον δίαυλο(bus)|Грешка на адресната шина|Грешка сабирнице|Ошибка шины|Памылка шыны|"
        "Помилка каналу обміну даними|バスエラー|匯流排錯誤|总线错误|버스 오류"
    ),
    "Aborted": (
        "Abandon|Abgebrochen|Abortado|Abortita|Afbrudt (SIGABRT)|Afgebroken|Annullato|Avbruten (SIGABRT)|"
        "Avbrutt (SIGABRT)|Avortat|Bị hủy bỏ|Dibatalkan|Félbeszakítva|Keskeytetty|"
        "Neúspěšně ukončen (SIGABRT)|Nutraukta (aborted)|Prekid|Prekinjen|Przerwane|Zrušené|İptal edildi|"
        "Ακυρώθηκε|Аварийный останов|Перервано|Прекинуто|Прекъснат|中止|已放弃|중지됨"
    ),
    "Illegal instruction": (
        "Błędna instrukcja|Chỉ lệnh không hợp lệ|Instrucción ilegal|Instrucción non permitida|"
        "Instruction non permise|Instruksi tidak legal|Instrução ilegal|Istruzione non consentita|"
        "La instrucció no és permesa|Miskomando|Nedovolená instrukce (SIGILL)|Nedovoljen ukaz|"
        "Nepropisna instrukcija|Neprípustná inštrukcia|Netaisyklinga instrukcija|Ongeldige instructie|"
        "Otillåten instruktion|Ulovlig instruksjon (SIGILL)|Ulovlig instruktion (SIGILL)|"
        "Ungültiger Maschinenbefehl|Virheellinen käsky|Yönerge kuraldışı|Érvénytelen utasítás|"
        "Ακατάλληλη εντολή|Недапушчальнае прадпісаньне|Недопустимая инструкция|Незаконна инструкция|"
        "Неисправна инструкција|Помилкова інструкція|無效指令|非法指令|명령어가 잘못됨"
    ),
    "File size limit exceeded": (
        "Batas ukuran berkas terlampaui|Begränsning av filstorlek överskriden|"
        "Die maximale Dateigröße ist überschritten|Dosya uzunluğu sınırı aşıldı|"
        "Débordement de la taille permise pour un fichier|Excedido limite de tamanho do ficheiro|"
        "Excedido tamanho limite de arquivo|Fájlméretkorlát túllépve|Grense for filstørrelse overskredet|"
        "Grænse for filstørrelse overskredet|Limiet op bestandsgrootte is overschreden|"
        "Limo de dosiergrando transpasiĝis|Límite de tamaño de ficheiro superado|"
        "Prekoračeno ograničenje veličine datoteke|Prekročený limit dĺžky súboru|"
        "Presežena omejitev dolžine datoteke|Przekroczony limit wielkości pliku|"
        "Překročen limit délky souboru (SIGXFS2)|Superado el límite de tamaño de fichero|"
        "Superato il limite di dimensione file|S’ha excedit la mida màxima de fitxer|"
        "Tiedoston kokoraja ylitetty|Viršyta failo dydžio riba|Vượt quá giới hạn kích cỡ tập tin|"
        "Ξεπεράστηκε το όριο μεγέθους αρχείου|Вычарпана абмежаваньне на памер файла|"
        "Надвишено ограничение за размер на файл|Перевищено обмеження на розмір файла|"
        "Превышен лимит размера файла|Прекорачено је ограничење величине датотеке|ファイルサイズ制限を超過しました|"
        "到達檔案大小上限|文件大小超出限制|파일 크기 제한을 초과함"
    ),
    "Floating point exception": (
        "Błąd w obliczeniach zmiennoprzecinkowych|Drijvendekomma-berekeningsfout|"
        "Eccezione in virgola mobile|Eksepsi titik pecahan|Excepció de coma flotant|"
        "Excepción de coma flotante|Excepción de coma frotante|Exception en point flottant|"
        "Excepção de vírgula flutuante|Exceção de ponto flutuante|Flyttalsfel|Gerçel sayı istisnası|"
        "Gleitkomma-Ausnahme|Glitkomkalkul-eraro|Iznimka (broja) pomičnog zareza|Lebegőpontos kivétel|"
        "Liukulukupoikkeus|Ngoại lệ dấu chấm động|Prekoračitev plavajoče vejice|Slankaus kablelio klaida|"
        "Undtagelsestilfælde ved flydende taloperation|Unntakstilfelle ved flyttallsoperasjon|"
        "Výjimka v pohyblivé řádové čárce (SIGFPE)|Výnimka pohyblivej rádovej čiarky|"
        "Εξαίρεση κινητής υποδιαστολής|Выключэньне плыўной коскі|Изключение при плаваща запетая|"
        "Изузетак покретног зареза|Исключение в операции с плавающей точкой|"
        "Помилка обчислень з рухомою комою|浮動小数点例外|浮点数例外|浮點數例外|부동 소수점 예외"
    ),
    "Cannot allocate memory": (
        "Bellek ayrılamadı|Impossibile allocare memoria|Impossível alocar memória|"
        "Kan ikke tildele hukommelse|Kan ikke tildele minne|Kan inte allokera minne|"
        "Không thể cấp phát bộ nhớ|Mankas sufiĉa memoro|Muistin varaaminen ei onnistu|"
        "Ne peut allouer de la mémoire|Nelze alokovat paměť|Nem foglalható memória|"
        "Nema dovoljno memorije|Nepavyko išskirti atminties|Nicht genügend Hauptspeicher verfügbar|"
        "Nie je možné prideliť pamäť|Nie można przydzielić pamięci|No se pudo asignar memoria|"
        "No s’ha pogut reservar memòria|Non se pode reservar memoria|Não foi possível alocar memória|"
        "Onvoldoende geheugen beschikbaar|Pomnilnika ni mogoče dodeliti|"
        "Tidak dapat mengalokasikan memori|Δεν είναι δυνατό να δεσμευτεί μνήμη|"
        "Не вдалося розподілити пам’ять|Не могу да доделим меморију|Не може да се задели памет|"
        "Невозможно выделить память|немагчыма разьмеркаваць памяць|メモリを確保できません|无法分配内存|無法配置記憶體|"
        "메모리를 할당할 수 없습니다"
    ),
    "No space left on device": (
        "Aucun espace disponible sur le périphérique|Auf dem Gerät ist kein Speicherplatz mehr verfügbar|"
        "Aygıt üzerinde boş yer yok|Brak miejsca na urządzeniu|Enheten är full|"
        "Geen ruimte meer over op apparaat|Ikke mer plass på enheten|Ikke mere plads på enheden|"
        "Không có đủ chỗ trống trên thiết bị|Laitteella ei ole tilaa jäljellä|Na napravi ni več prostora|"
        "Na zariadení už nie je žiadne miesto|Na zařízení není volné místo|"
        "Ne haviĝas plu da spaco sur aparato|Nema više prostora na uređaju|Nincs több hely a lemezen|"
        "No queda espacio en el dispositivo|No resta espai al dispositiu|"
        "Non hai espacio libre no dispositivo|Não há espaço disponível no dispositivo|"
        "Sem espaço livre no dispositivo|Spazio esaurito sul device|Tidak ruang lagi diperangkat|"
        "Įrenginyje neliko vietos|Δεν έμεινε καθόλου χώρος στη συσκευή|"
        "На устройстве не осталось свободного места|Недостатньо місця на пристрої|"
        "Није преостало простора на уређају|Няма месца на прыладзе|Няма свободно място на устройството|"
        "デバイスに空き領域がありません|裝置上已無多餘空間|设备上没有空间|장치에 남은 공간이 없음"
    ),
    "fatal error:": (
        "erreur fatale:|error fatal:|fatal fejl:|fatale fout:|fatalna greška:|lỗi nghiêm trọng:|"
        "schwerwiegender Fehler:|vakava virhe:|ödesdigert fel:|ölümcül hata:|μοιραίο σφάλμα:|"
        "кобна грешка:|критична помилка:|фатальная ошибка:|嚴重錯誤：|致命的エラー:|致命错误："
    ),
    "internal compiler error:": (
        "derleyici iç hatası:|erreur interne du compilateur:|error interno del compilador:|"
        "intern oversætterfejl:|interna greška kompajlera:|internal kompiler error:|"
        "interne compilerfout:|interner Compiler-Fehler:|internt kompilatorfel:|"
        "kääntäjän sisäinen virhe:|lỗi biên dịch nội bộ:|εσωτερικό σφάλμα μεταγλωττιστή:|"
        "внутренняя ошибка компилятора:|внутрішня помилка компілятора:|унутрашња грешка компилатора:|"
        "コンパイラ内部エラー:|編譯器內部錯誤：|编译器内部错误："
    ),
    "error:": (
        "Fehler:|erreur:|fejl:|fel:|fout:|greška:|hata:|lỗi:|virhe:|σφάλμα:|грешка:|ошибка:|помилка:|"
        "エラー:|錯誤：|错误："
    ),
}

_ENGLISH = {translated: english for english, words in _WORDS.items() for translated in words.split("|")}
_ALSO_SAY_DONE = ("Terminated", "Interrupt")
# The longest first: one word may begin another.
# Words of scripts that put no spaces between words (from U+2E80 on) end anywhere.
_ANY = re.compile(
    "|".join(
        re.escape(word) if word[0] >= "\u2e80" else rf"(?<!\w){re.escape(word)}(?!\w)"
        for word in sorted(_ENGLISH, key=len, reverse=True)
        if _ENGLISH[word] not in _ALSO_SAY_DONE
    )
)
_NUMBERED = re.compile(r"(?:(?:Real-time|Unknown) )?[Ss]ignal (\d+)$")
_DUMPED = re.compile(r" ?\([^()]*\)$")

SIGNALS = {
    "Hangup": 1,
    "Interrupt": 2,
    "Quit": 3,
    "Illegal instruction": 4,
    "Aborted": 6,
    "Abort": 6,
    "Bus error": 7,
    "Floating point exception": 8,
    "Killed": 9,
    "Segmentation fault": 11,
    "Alarm clock": 14,
    "Terminated": 15,
    "CPU time limit exceeded": 24,
    "File size limit exceeded": 25,
}
"""Signals of Linux by what strsignal says of them."""


def english(text: str) -> str:
    """The text with these words in English; full-width colons, as Chinese has them, become `: `."""
    return _ANY.sub(_replacement, text).replace("：", ": ")


def _replacement(match: re.Match[str]) -> str:
    word = match[0]
    return _ENGLISH[word] + (" " if word.endswith("：") else "")


def signal_of(words: str) -> int | None:
    """The signal that strsignal calls so, in any language; None for another text."""
    words = words.strip()
    for text in (words, _DUMPED.sub("", words)):
        if text.islower() and text.isascii():
            # zsh has its own small letters.
            text = text.capitalize()
        text = _ENGLISH.get(text, text)
        if text in SIGNALS:
            return SIGNALS[text]
    numbered = _NUMBERED.match(words)
    return int(numbered[1]) if numbered else None
