import numpy as np

from emogene.video.contact_sheet import contact_sheet


def test_pictures_stand_row_by_row():
    pictures = {str(i): np.full((64, 64, 3), 20 * i, np.uint8) for i in range(1, 8)}
    sheet = contact_sheet(pictures, columns=4, gap=10)
    assert sheet.shape == (2 * (64 + 8 + 10) + 10, 4 * 74 + 10, 3)
    assert (sheet[12:70, 12:70] == 20).all()
    assert (sheet[94:150, 160:218] == 140).all()
