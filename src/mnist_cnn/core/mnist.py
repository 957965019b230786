"""The form of MNIST and of the data sets like it."""

IMAGE_SIZE = 28  # pixels, height and width
CLASSES = 10
TRAIN_IMAGES = 60_000
TEST_IMAGES = 10_000

CLASS_NAMES = {  # data set → what the labels 0 to 9 stand for
    "MNIST": tuple("0123456789"),
    "FashionMNIST": (
        *("T-shirt", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Boot"),
    ),
    "KMNIST": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
}

NOT_CLASSIFIED = 255  # the predicted label of an image that no run classified
